// A server that wants a client certificate: PORT FOLDER, with server.pem, server.key and ca.pem.
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

fn open(folder: &str, name: &str) -> BufReader<File> {
    BufReader::new(File::open(format!("{}/{}", folder, name)).unwrap())
}

fn certificates(folder: &str, name: &str) -> Vec<rustls::Certificate> {
    let all = rustls_pemfile::certs(&mut open(folder, name)).unwrap();
    all.into_iter().map(rustls::Certificate).collect()
}

fn serve(mut socket: TcpStream, config: Arc<rustls::ServerConfig>) {
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut connection = rustls::ServerConnection::new(config).unwrap();
    let mut request = [0; 4096];
    let read = rustls::Stream::new(&mut connection, &mut socket).read(&mut request);
    if read.is_ok() {
        let _ = rustls::Stream::new(&mut connection, &mut socket).write_all(ANSWER);
        connection.send_close_notify();
    }
    while connection.wants_write() && connection.write_tls(&mut socket).is_ok() {}
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (port, folder) = (arguments[1].parse().unwrap(), &arguments[2]);
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(folder, "ca.pem") {
        let _ = roots.add(&certificate); // those that it cannot read are not trusted
    }
    let keys = rustls_pemfile::pkcs8_private_keys(&mut open(folder, "server.key")).unwrap();
    let verifier = rustls::server::AllowAnyAuthenticatedClient::new(roots);
    let config = rustls::ServerConfig::builder()
        .with_safe_defaults()
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(folder, "server.pem"), rustls::PrivateKey(keys[0].clone()))
        .unwrap();
    let config = Arc::new(config);
    for socket in TcpListener::bind(("127.0.0.1", port)).unwrap().incoming() {
        let config = config.clone();
        std::thread::spawn(move || serve(socket.unwrap(), config));
    }
}
