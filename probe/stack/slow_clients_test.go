//go:build slow

package stack_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest/debian"
)

// TestSlowClients runs Java and the browsers: "make clients" sets the build tag.
func TestSlowClients(t *testing.T) {
	list, stop := slowClients(t)
	defer stop()
	runClients(t, list)
}

// slowClients are Java with both key managers, and the browsers.
func slowClients(t *testing.T) (list []client, stop func()) {
	t.Helper()
	sun, stopSun := javaClient(t, "SunX509", javaSocket)
	pkix, stopPKIX := javaClient(t, "PKIX", javaSocket)
	restore := chromiumPolicy(t)
	list = []client{
		{profile: "java-sunx509", tool: "java", pkg: "openjdk-17-jdk-headless", run: sun},
		{profile: "java-pkix", tool: "java", pkg: "openjdk-17-jdk-headless", run: pkix},
		{profile: "chromium-linux", browser: true, tool: "chromium", pkg: "chromium", run: chromium},
		{profile: "firefox", browser: true, tool: "firefox-esr", pkg: "firefox-esr", run: firefox},
	}
	return list, func() { stopSun(); stopPKIX(); restore() }
}

// javaProgram reads a task from each line: port, version, key store, CA file, kind of store, password.
const javaProgram = `
import java.io.*; import java.nio.file.*; import java.security.*; import java.security.cert.*; import javax.net.ssl.*;
public class Client {
  public static void main(String[] a) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    for (String line; (line = in.readLine()) != null; ) {
      String[] f = line.split("\t", -1);
      try {
        KeyStore ks = KeyStore.getInstance(f[4]);
        try (InputStream s = Files.newInputStream(Path.of(f[2]))) { ks.load(s, f[5].toCharArray()); }
        KeyManagerFactory kmf = KeyManagerFactory.getInstance(a[0]);
        kmf.init(ks, f[5].toCharArray());
        KeyStore ts = KeyStore.getInstance("PKCS12");
        ts.load(null, null);
        try (InputStream s = Files.newInputStream(Path.of(f[3]))) { ts.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(s)); }
        TrustManagerFactory tmf = TrustManagerFactory.getInstance("PKIX");
        tmf.init(ts);
        SSLContext c = SSLContext.getInstance("TLS");
        c.init(kmf.getKeyManagers(), tmf.getTrustManagers(), null);
        String version = "TLSv" + f[1], url = "https://localhost:" + f[0] + "/";
        $connect
      } catch (Exception e) { System.out.println(e.toString().replace("\n", " ")); }
    }
  }
}
`

// javaSocket connects with the context c.
const javaSocket = `
try (SSLSocket s = (SSLSocket) c.getSocketFactory().createSocket("localhost", Integer.parseInt(f[0]))) {
  s.setSoTimeout(5000);
  s.setEnabledProtocols(new String[]{version});
  s.getOutputStream().write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes());
  System.out.println("answer: " + s.getInputStream().read());
}
`

// javaClient starts one virtual machine for all runs with a key manager and a way of connecting.
func javaClient(t *testing.T, algorithm, connect string) (run func(context.Context, *world, *files, string, string) ([]byte, error), stop func()) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "Client.java")
	if err := os.WriteFile(source, []byte(strings.Replace(javaProgram, "$connect", connect, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("java", "-cp", "/usr/share/java/*", source, algorithm)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		return nil, func() {} // without Java the client is left out
	}
	lines := bufio.NewReader(out)
	run = func(_ context.Context, w *world, f *files, port, version string) ([]byte, error) {
		store, kind, password := f.store()
		if _, err := fmt.Fprintln(in, strings.Join([]string{port, version, store, w.dir + "/server-root.pem", kind, password}, "\t")); err != nil {
			return nil, err
		}
		return lines.ReadBytes('\n')
	}
	return run, func() {
		in.Close()
		_ = cmd.Wait()
	}
}

// chromiumPolicy lets Chromium choose a certificate without asking, which only a
// policy of the system can.
func chromiumPolicy(t *testing.T) (restore func()) {
	t.Helper()
	const dir = "/etc/chromium/policies/managed"
	path := filepath.Join(dir, "mtlsprobe-test.json")
	if os.MkdirAll(dir, 0o755) != nil || os.WriteFile(path, []byte(`{"AutoSelectCertificateForUrls":["{\"pattern\":\"*\",\"filter\":{}}"]}`), 0o644) != nil {
		debian.Missing(t, "Chromium's policy can be set by root only")
	}
	return func() { _ = os.Remove(path) }
}

func chromium(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
	home := filepath.Join(f.dir, "chromium-"+version)
	db := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(filepath.Dir(db), 0o700); err != nil {
		return nil, err
	}
	if err := os.CopyFS(db, os.DirFS(nssDB(ctx, f))); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--ignore-certificate-errors", "--user-data-dir="+filepath.Join(home, "profile"), "--dump-dom", "https://localhost:"+port+"/")
	cmd.Env = append(os.Environ(), "HOME="+home)
	cmd.WaitDelay = 2 * time.Second
	return cmd.CombinedOutput()
}

const firefoxPreferences = `user_pref("security.default_personal_cert", "Select Automatically");
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("network.http.speculative-parallel-limit", 0);
`

func firefox(ctx context.Context, w *world, f *files, port, version string) ([]byte, error) {
	home := filepath.Join(f.dir, "firefox-"+version)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	profile := filepath.Join(home, "profile")
	if err := os.CopyFS(profile, os.DirFS(nssDB(ctx, f))); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxPreferences), 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "certutil", "-A", "-d", "sql:"+profile, "-n", "server", "-t", "CT,,", "-i", w.root()).CombinedOutput(); err != nil {
		return out, err
	}
	cmd := exec.CommandContext(ctx, "firefox-esr", "--headless", "--no-remote", "--profile", profile, "--screenshot", filepath.Join(home, "x.png"), "https://localhost:"+port+"/")
	cmd.Env = append(os.Environ(), "HOME="+home, "MOZ_DISABLE_CONTENT_SANDBOX=1")
	cmd.WaitDelay = 2 * time.Second
	return cmd.CombinedOutput()
}
