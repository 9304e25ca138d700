// One handshake of Go's crypto/tls: HOST PORT, and "tls" (tls.Dial) or "http" (net/http).
package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
)

func main() {
	where := os.Args[1] + ":" + os.Args[2]
	var err error
	if os.Args[3] == "http" {
		_, err = http.Get("https://" + where + "/")
	} else {
		_, err = tls.Dial("tcp", where, nil)
	}
	fmt.Fprintln(os.Stderr, err)
}
