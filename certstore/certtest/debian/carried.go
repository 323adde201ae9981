package debian

// Configurations of servers that carry TLS in another protocol. In each $dir is the server's folder,
// $pki that with server.pem, server.key and ca.pem, and $udp or $port where it listens.
const (
	// RADIUSSecret is the shared secret of EAP's client.
	RADIUSSecret = "a secret of this test"
	// FreeRADIUS begins each of its configurations.
	FreeRADIUS = `prefix = /usr
name = radiusd
logdir = "$dir"
raddbdir = "$dir"
run_dir = "$dir"
libdir = /usr/lib/freeradius
pidfile = "$dir/pid"
max_requests = 16384
security {
  max_attributes = 200
  reject_delay = 0
  status_server = yes
}
proxy_requests = no
thread pool {
  start_servers = 2
  max_servers = 8
}
`
	// EAP is EAP-TLS and PEAP with a client certificate.
	EAP = `modules {
  eap {
    default_eap_type = tls
    timer_expire = 60
    max_sessions = 4096
    tls-config common {
      private_key_file = $pki/server.key
      certificate_file = $pki/server.pem
      ca_file = $pki/ca.pem
      cipher_list = "DEFAULT"
      tls_min_version = "1.2"
      tls_max_version = "1.3"
      fragment_size = 1024
      ecdh_curve = "prime256v1"
    }
    tls {
      tls = common
    }
    peap {
      tls = common
      virtual_server = default
      require_client_cert = yes
      default_eap_type = md5
    }
    md5 {
    }
  }
}
client local {
  ipaddr = 127.0.0.1
  secret = "` + RADIUSSecret + `"
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = $udp
  }
  authorize {
    eap {
      ok = return
    }
  }
  authenticate {
    eap
  }
}
`
	// OpenVPN lacks the protocol; THIRD is a byte of the addresses that it gives.
	OpenVPN = `dev tun
local 127.0.0.1
topology subnet
server 10.97.THIRD.0 255.255.255.0
ifconfig-noexec
ca $pki/ca.pem
cert $pki/server.pem
key $pki/server.key
dh none
verb 3
`
)
