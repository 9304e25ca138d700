// A TLS client of Go: TRUST.pem HOST PORT; says "ok", or why it refused the server.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

func main() {
	pem, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	connection, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[3], &tls.Config{RootCAs: roots, ServerName: os.Args[2]})
	if err != nil {
		fmt.Println("failed", err)
		return
	}
	connection.Close()
	fmt.Println("ok")
}
