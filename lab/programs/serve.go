// An HTTPS server on Go's crypto/tls: versions, client certificates and strict server names by flag.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	address := flag.String("address", ":8443", "where to listen")
	certificate := flag.String("cert", "", "certificate chain, PEM")
	key := flag.String("key", "", "private key, PEM")
	least := flag.Uint("least", 0x0303, "lowest version")
	most := flag.Uint("most", 0x0304, "highest version")
	partners := flag.String("partners", "", "require client certificates of these CAs, PEM")
	only := flag.String("only", "", "refuse every handshake that does not name this host")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{MinVersion: uint16(*least), MaxVersion: uint16(*most), Certificates: []tls.Certificate{pair}}
	if *partners != "" {
		text, err := os.ReadFile(*partners)
		if err != nil {
			log.Fatal(err)
		}
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(text)
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if *only != "" {
		config.Certificates = nil // else Go shows the first of them to a client that names no host
		config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != *only {
				return nil, errors.New("no certificate for the name " + hello.ServerName)
			}
			return &pair, nil
		}
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "all is well") })
	server := &http.Server{Addr: *address, Handler: handler, TLSConfig: config}
	server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	log.Fatal(server.ListenAndServeTLS("", ""))
}
