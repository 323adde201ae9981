#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what, int code) { fprintf(stderr, "%s: %d\n", what, code); return 1; }

/* port version ca certificate key */
int main(int argc, char **argv) {
  (void)argc;
  wolfSSL_Init();
  WOLFSSL_CTX *ctx = wolfSSL_CTX_new(strcmp(argv[2], "1.3") ? wolfTLSv1_2_client_method() : wolfTLSv1_3_client_method());
  int r = wolfSSL_CTX_load_verify_locations(ctx, argv[3], NULL);
  if (r != SSL_SUCCESS) return fail("CA", r);
  if ((r = wolfSSL_CTX_use_certificate_chain_file(ctx, argv[4])) != SSL_SUCCESS) return fail("certificate", r);
  if ((r = wolfSSL_CTX_use_PrivateKey_file(ctx, argv[5], SSL_FILETYPE_PEM)) != SSL_SUCCESS) return fail("key", r);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) return fail("connect", 0);
  WOLFSSL *ssl = wolfSSL_new(ctx);
  wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, "localhost", 9);
  wolfSSL_set_fd(ssl, fd);
  if (wolfSSL_connect(ssl) != SSL_SUCCESS) return fail("handshake", wolfSSL_get_error(ssl, -1));
  const char *get = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  char answer[4096];
  wolfSSL_write(ssl, get, strlen(get));
  r = wolfSSL_read(ssl, answer, sizeof answer);
  if (r <= 0) return fail("read", wolfSSL_get_error(ssl, r));
  fwrite(answer, 1, r, stdout);
  wolfSSL_shutdown(ssl);
  return 0;
}
