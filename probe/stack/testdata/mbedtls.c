#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, int code) { fprintf(stderr, "%s: -0x%04x\n", what, -code); return 1; }

/* port version ca certificate key password */
int main(int argc, char **argv) {
  (void)argc;
  mbedtls_entropy_context entropy; mbedtls_ctr_drbg_context random; mbedtls_x509_crt ca, own; mbedtls_pk_context key;
  mbedtls_ssl_config conf; mbedtls_ssl_context ssl; mbedtls_net_context net;
  mbedtls_entropy_init(&entropy); mbedtls_ctr_drbg_init(&random); mbedtls_x509_crt_init(&ca); mbedtls_x509_crt_init(&own);
  mbedtls_pk_init(&key); mbedtls_ssl_config_init(&conf); mbedtls_ssl_init(&ssl); mbedtls_net_init(&net);
  mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0);
  int r = mbedtls_x509_crt_parse_file(&ca, argv[3]);
  if (r) return fail("CA", r);
  if ((r = mbedtls_x509_crt_parse_file(&own, argv[4]))) return fail("certificate", r);
  if ((r = mbedtls_pk_parse_keyfile(&key, argv[5], *argv[6] ? argv[6] : NULL))) return fail("key", r);
  mbedtls_ssl_config_defaults(&conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_rng(&conf, mbedtls_ctr_drbg_random, &random);
  mbedtls_ssl_conf_ca_chain(&conf, &ca, NULL);
  if ((r = mbedtls_ssl_conf_own_cert(&conf, &own, &key))) return fail("own", r);
  if ((r = mbedtls_ssl_setup(&ssl, &conf))) return fail("setup", r);
  mbedtls_ssl_set_hostname(&ssl, "localhost");
  if ((r = mbedtls_net_connect(&net, "127.0.0.1", argv[1], MBEDTLS_NET_PROTO_TCP))) return fail("connect", r);
  mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
  if ((r = mbedtls_ssl_handshake(&ssl))) return fail("handshake", r);
  const char *get = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  unsigned char answer[4096];
  mbedtls_ssl_write(&ssl, (const unsigned char *)get, strlen(get));
  if ((r = mbedtls_ssl_read(&ssl, answer, sizeof answer)) <= 0) return fail("read", r);
  fwrite(answer, 1, r, stdout);
  return 0;
}
