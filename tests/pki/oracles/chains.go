// Reads chains from a file and prints what crypto/x509 decides about each, as crypto/tls would ask it.
//
// Lines of the file: "C <base64 DER>" (numbered from 0), then "T <id> <purpose> <host or -> <seconds> <chain> <anchors>",
// chain and anchors being comma-separated numbers or "-". One line is printed per T: id, TAB, "ok" or the error's text.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

type parsed struct {
	certificate *x509.Certificate
	err         error
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	var all []parsed
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 64<<20)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		if words[0] == "C" {
			der, _ := base64.StdEncoding.DecodeString(words[1])
			certificate, err := x509.ParseCertificate(der)
			all = append(all, parsed{certificate, err})
			continue
		}
		text := strings.ReplaceAll(verdict(all, words), "\n", " ")
		fmt.Fprintf(out, "%s\t%s\n", words[1], text)
	}
}

func picked(all []parsed, list string) []parsed {
	var found []parsed
	if list == "-" {
		return nil
	}
	for _, number := range strings.Split(list, ",") {
		index, _ := strconv.Atoi(number)
		found = append(found, all[index])
	}
	return found
}

func verdict(all []parsed, words []string) string {
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if words[2] == "client" {
		options.KeyUsages[0] = x509.ExtKeyUsageClientAuth
	}
	if words[3] != "-" && words[2] == "server" {
		options.DNSName = words[3]
	}
	seconds, _ := strconv.ParseInt(words[4], 10, 64)
	options.CurrentTime = time.Unix(seconds, 0).UTC()
	chain := picked(all, words[5])
	for index, link := range chain {
		if link.err != nil {
			return "tls: failed to parse certificate from server: " + link.err.Error()
		}
		if index > 0 {
			options.Intermediates.AddCert(link.certificate)
		}
	}
	for _, anchor := range picked(all, words[6]) {
		if anchor.err == nil { // AppendCertsFromPEM leaves out what it cannot read
			options.Roots.AddCert(anchor.certificate)
		}
	}
	if _, err := chain[0].certificate.Verify(options); err != nil {
		return err.Error()
	}
	return "ok"
}
