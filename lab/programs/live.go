// An HTTPS server on Go's crypto/tls that does what one word of JSON says (lab/live/golang.py writes it).
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"log"
	"net/http"
	"os"
)

type site struct {
	Name  string
	Pairs [][2]string
}

type serve struct {
	Address     string
	Least, Most uint16
	All         bool
	Suites      []uint16
	Groups      []tls.CurveID
	ALPN        []string
	Sites       []site
	Unknown     string // "default", "reject"
	NoName      string
	Auth        string // "none", "optional", "required"
	Partners    string
}

func pairs(files [][2]string) []tls.Certificate {
	var found []tls.Certificate
	for _, names := range files {
		pair, err := tls.LoadX509KeyPair(names[0], names[1])
		if err != nil {
			log.Fatal(err)
		}
		found = append(found, pair)
	}
	return found
}

// suitable gives the first certificate that the client can use, as crypto/tls does where it chooses by itself, or else the first.
func suitable(hello *tls.ClientHelloInfo, found []tls.Certificate) *tls.Certificate {
	for i := range found {
		if hello.SupportsCertificate(&found[i]) == nil {
			return &found[i]
		}
	}
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

func main() {
	var given serve
	if err := json.Unmarshal([]byte(os.Args[1]), &given); err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{MinVersion: given.Least, MaxVersion: given.Most, CurvePreferences: given.Groups, CipherSuites: given.Suites, NextProtos: given.ALPN}
	if given.All {
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			config.CipherSuites = append(config.CipherSuites, suite.ID)
		}
	}
	sites := map[string][]tls.Certificate{}
	for _, one := range given.Sites {
		sites[one.Name] = pairs(one.Pairs)
	}
	// Without Certificates and with no error, "no certificate" is Go's own unrecognized_name.
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		found, known := sites[hello.ServerName]
		if hello.ServerName == "" && given.NoName == "reject" || !known && given.Unknown == "reject" {
			return nil, nil
		}
		if !known {
			found = sites[""]
		}
		return suitable(hello, found), nil
	}
	if given.Partners != "" {
		text, err := os.ReadFile(given.Partners)
		if err != nil {
			log.Fatal(err)
		}
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(text)
		config.ClientAuth = map[string]tls.ClientAuthType{"optional": tls.VerifyClientCertIfGiven, "required": tls.RequireAndVerifyClientCert}[given.Auth]
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("all is well\n")) })
	server := &http.Server{Addr: given.Address, Handler: handler, TLSConfig: config}
	if given.ALPN == nil { // else net/http adds h2 by itself
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}
