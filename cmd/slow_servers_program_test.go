//go:build slow && linux

package cmd

// programServers are small programs on the TLS of a language.
func programServers() []setup {
	java := func(name, kind string, targets ...target) setup {
		return setup{name: name, program: "java", pkg: "openjdk-17-jdk-headless", version: []string{"--version"},
			files: map[string]string{"Server.java": javaServer},
			args: []string{"-XX:TieredStopAtLevel=1", "$dir/Server.java", "$port", "$pki/server.p12", "$pki/ca.pem",
				kind}, targets: targets}
	}
	node := func(name, reject string, t target) setup {
		return setup{name: name, program: "node", pkg: "nodejs", version: []string{"--version"},
			files: map[string]string{"server.js": nodeServer},
			args:  []string{"$dir/server.js", "$port", "$pki", reject}, targets: []target{t}}
	}
	// JDK 17.0.15 says bad_certificate where none came, later updates as the RFCs have it.
	jsse := func(none string) expect { return byOne(none+" or "+badCertificate, "refused certificate_unknown") }
	return []setup{
		// Fact 4: certificate_unknown for everything. Trap 9: user_canceled is sent
		// before an ordinary end.
		java("Java SSLServerSocket, need", "need", target{"https://127.0.0.1:$port/", nil, jsse(noAgreement),
			jsse(noCertificate)}),
		java("Java SSLServerSocket, hanging up", "hangup",
			target{"tls://127.0.0.1:$port", nil, jsse(noAgreement).withGood("unknown"),
				jsse(noCertificate).withGood("unknown")}),
		java("Java HttpsServer, need", "https", same("https://127.0.0.1:$port/", byOne("closed", "closed"))),
		{name: "Erlang ssl, verify_peer", program: "escript", pkg: "erlang-base",
			files:   map[string]string{"server.erl": erlangServer},
			args:    []string{"$dir/server.erl", "$port", "$pki"},
			targets: []target{{"https://127.0.0.1:$port/", nil, byErlang(noAgreement), byErlang(noCertificate)}}},
		// Fact 4: no alert for a bad certificate.
		node("Node, rejectUnauthorized", "yes", target{"https://127.0.0.1:$port/", nil, byOne(noAgreement, "closed"),
			byOne(noCertificate, "closed")}),
		node("Node, requestCert only", "no", same("https://127.0.0.1:$port/", ignored)),
		{name: "Python ssl, CERT_REQUIRED", program: "python3", pkg: "python3", version: []string{"--version"},
			files:   map[string]string{"server.py": pythonServer},
			args:    []string{"$dir/server.py", "$port", "$pki", "CERT_REQUIRED"},
			targets: []target{required("https://127.0.0.1:$port/")}},
		{name: "Python ssl, CERT_OPTIONAL", program: "python3", pkg: "python3", version: []string{"--version"},
			files:   map[string]string{"server.py": pythonServer},
			args:    []string{"$dir/server.py", "$port", "$pki", "CERT_OPTIONAL"},
			targets: []target{optional("https://127.0.0.1:$port/")}},
	}
}

const javaServer = `
import java.io.*; import java.net.*; import java.nio.file.*; import java.security.*; import java.security.cert.*; import javax.net.ssl.*; import com.sun.net.httpserver.*;
public class Server {
  public static void main(String[] a) throws Exception {
    KeyStore ks = KeyStore.getInstance("PKCS12");
    try (InputStream s = Files.newInputStream(Path.of(a[1]))) { ks.load(s, "secret".toCharArray()); }
    KeyManagerFactory kmf = KeyManagerFactory.getInstance("PKIX");
    kmf.init(ks, "secret".toCharArray());
    KeyStore ts = KeyStore.getInstance("PKCS12");
    ts.load(null, null);
    try (InputStream s = Files.newInputStream(Path.of(a[2]))) { ts.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(s)); }
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
`

const nodeServer = `
const https = require('https'), fs = require('fs');
const [port, pki, reject] = process.argv.slice(2);
https.createServer({ key: fs.readFileSync(pki + '/server.key'), cert: fs.readFileSync(pki + '/server.pem'), ca: fs.readFileSync(pki + '/ca.pem'),
  requestCert: true, rejectUnauthorized: reject === 'yes' }, (q, s) => s.end('ok')).listen(Number(port), '127.0.0.1');
`

const pythonServer = `
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
port, pki, mode = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(pki + '/server.pem', pki + '/server.key')
context.load_verify_locations(pki + '/ca.pem')
context.verify_mode = getattr(ssl, mode)
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(port)), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
`

const erlangServer = `#!/usr/bin/env escript
main([Port, Pki]) ->
    {ok, _} = application:ensure_all_started(ssl),
    {ok, L} = ssl:listen(list_to_integer(Port), [{ip, {127,0,0,1}}, {certfile, Pki ++ "/server.pem"}, {keyfile, Pki ++ "/server.key"}, {cacertfile, Pki ++ "/ca.pem"},
        {verify, verify_peer}, {fail_if_no_peer_cert, true}, {versions, ['tlsv1.2', 'tlsv1.3']}, {reuseaddr, true}, {active, false}, {log_level, none}]),
    accept(L).
accept(L) ->
    {ok, T} = ssl:transport_accept(L),
    Pid = spawn(fun() -> receive go -> serve(T) end end),
    ok = ssl:controlling_process(T, Pid),
    Pid ! go,
    accept(L).
serve(T) ->
    case ssl:handshake(T, 5000) of
        {ok, S} ->
            case ssl:recv(S, 0, 5000) of
                {ok, _} -> ssl:send(S, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"), ssl:close(S);
                E -> io:format("~p~n", [E])
            end;
        E -> io:format("~p~n", [E])
    end.
`
