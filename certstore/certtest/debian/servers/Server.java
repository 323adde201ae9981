import java.io.*; import java.net.*; import java.nio.file.*; import java.security.*; import java.security.cert.Certificate; import java.security.cert.CertificateFactory; import javax.net.ssl.*; import com.sun.net.httpserver.*;
public class Server {
  public static void main(String[] a) throws Exception {
    KeyStore ks = KeyStore.getInstance("PKCS12");
    try (InputStream s = Files.newInputStream(Path.of(a[1]))) { ks.load(s, "secret".toCharArray()); }
    KeyManagerFactory kmf = KeyManagerFactory.getInstance("PKIX");
    kmf.init(ks, "secret".toCharArray());
    KeyStore ts = KeyStore.getInstance("PKCS12");
    ts.load(null, null);
    int n = 0;
    try (InputStream s = Files.newInputStream(Path.of(a[2]))) {
      for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(s)) ts.setCertificateEntry("ca" + n++, c);
    }
    TrustManagerFactory tmf = TrustManagerFactory.getInstance("PKIX");
    tmf.init(ts);
    SSLContext c = SSLContext.getInstance("TLS");
    c.init(kmf.getKeyManagers(), tmf.getTrustManagers(), null);
    InetSocketAddress address = new InetSocketAddress("127.0.0.1", Integer.parseInt(a[0]));
    if (a[3].equals("https")) {
      HttpsServer server = HttpsServer.create(address, 0);
      server.setHttpsConfigurator(new HttpsConfigurator(c) {
        public void configure(HttpsParameters p) { SSLParameters s = c.getDefaultSSLParameters(); s.setNeedClientAuth(true); p.setSSLParameters(s); }
      });
      server.createContext("/", x -> { x.sendResponseHeaders(200, 2); x.getResponseBody().write("ok".getBytes()); x.close(); });
      server.setExecutor(java.util.concurrent.Executors.newCachedThreadPool());
      server.start();
      return;
    }
    SSLServerSocket server = (SSLServerSocket) c.getServerSocketFactory().createServerSocket(address.getPort(), 50, address.getAddress());
    server.setNeedClientAuth(true);
    while (true) {
      Socket s = server.accept();
      new Thread(() -> {
        try (s) {
          if (a[3].equals("hangup")) { ((SSLSocket) s).startHandshake(); return; }
          BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
          for (String line; (line = in.readLine()) != null && !line.isEmpty(); ) { }
          s.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".getBytes());
        } catch (IOException e) { System.out.println(e); }
      }).start();
    }
  }
}
