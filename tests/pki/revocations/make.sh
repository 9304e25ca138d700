#!/bin/sh
# Makes the files of this folder anew with OpenSSL: sh make.sh FOLDER
# A root, an issuing CA, three servers (one good, one revoked, one on hold), a responder of the CA and one of another CA.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > ca.cnf <<'CNF'
[ca]
default_ca = issuing
[issuing]
dir = .
database = ./index.txt
serial = ./serial
crlnumber = ./crlnumber
new_certs_dir = .
certificate = ./issuing.pem
private_key = ./issuing.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
organizationName = optional
[v3_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[v3_no_crl]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[v3_server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:shop.orchard.example
crlDistributionPoints = URI:http://crl.orchard.example/issuing.crl
authorityInfoAccess = OCSP;URI:http://ocsp.orchard.example/
authorityKeyIdentifier = keyid
[v3_responder]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = OCSPSigning
authorityKeyIdentifier = keyid
noCheck = ignored
[crl_delta]
2.5.29.27 = critical,DER:02:01:01
[crl_indirect]
issuingDistributionPoint = critical,@idp_indirect
[idp_indirect]
fullname = URI:http://crl.orchard.example/issuing.crl
indirectCRL = TRUE
[crl_cas]
issuingDistributionPoint = critical,@idp_cas
[idp_cas]
onlyCA = TRUE
[crl_point]
issuingDistributionPoint = critical,@idp_point
[idp_point]
fullname = URI:http://crl.orchard.example/issuing.crl
[crl_strange]
1.2.3.4.5 = critical,DER:05:00
CNF
touch index.txt
echo 1001 > serial
echo 01 > crlnumber
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
sign() {  # NAME SUBJECT EXTENSIONS ISSUER
    key "$1"
    openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA "$4.pem" -CAkey "$4.key" -CAserial serial -extfile ca.cnf -extensions "$3" -days 3650 -out "$1.pem" 2>/dev/null
}
for ca in root stranger; do
    key $ca
    openssl req -x509 -key $ca.key -subj "/O=Orchard/CN=Orchard $ca" -days 3650 -out $ca.pem -addext keyUsage=critical,keyCertSign,cRLSign
done
sign issuing "/O=Orchard/CN=Orchard Issuing" v3_ca root
for name in good bad held; do
    key $name
    openssl req -new -key $name.key -subj "/O=Orchard/CN=$name.orchard.example" -out $name.csr
    openssl ca -config ca.cnf -batch -notext -in $name.csr -extensions v3_server -days 3650 -out $name.pem 2>/dev/null
done
sign responder "/O=Orchard/CN=Orchard Responder" v3_responder issuing
sign foreign "/O=Orchard/CN=Orchard Responder" v3_responder stranger
sign plain "/O=Orchard/CN=Orchard Plain" v3_server issuing
openssl ca -config ca.cnf -revoke bad.pem -crl_reason keyCompromise 2>/dev/null
openssl ca -config ca.cnf -revoke held.pem -crl_hold holdInstructionReject 2>/dev/null

crl() { to=$1; shift; openssl ca -config ca.cnf -gencrl "$@" -out "$to" 2>/dev/null; }
crl full.crl.pem -crldays 30
openssl crl -in full.crl.pem -outform DER -out full.crl
crl stale.crl.pem -crl_lastupdate 20200101000000Z -crl_nextupdate 20200131000000Z
crl future.crl.pem -crl_lastupdate 20400101000000Z -crl_nextupdate 20400131000000Z
crl delta.crl.pem -crldays 30 -crlexts crl_delta
crl indirect.crl.pem -crldays 30 -crlexts crl_indirect
crl cas.crl.pem -crldays 30 -crlexts crl_cas
crl point.crl.pem -crldays 30 -crlexts crl_point
crl strange.crl.pem -crldays 30 -crlexts crl_strange
# A list in the issuing CA's name that another key signed.
openssl req -x509 -key stranger.key -subj "/O=Orchard/CN=Orchard Issuing" -days 3650 -out impostor.pem
crl impostor.crl.pem -crldays 30 -cert impostor.pem -keyfile stranger.key

ask() {  # NAME SIGNER DAYS OUT [MORE]
    name=$1 signer=$2 days=$3 to=$4
    shift 4
    openssl ocsp -issuer issuing.pem -cert $name.pem -no_nonce -reqout $name.req
    openssl ocsp -index index.txt -CA issuing.pem -rsigner $signer.pem -rkey $signer.key -reqin $name.req -respout $to $days "$@" >/dev/null 2>&1
}
ask good responder "-ndays 30" good.ocsp
ask bad responder "-ndays 30" bad.ocsp
ask held responder "-ndays 30" held.ocsp
ask bad issuing "-ndays 30" by-issuer.ocsp -resp_no_certs
ask good issuing "-ndays 30" by-key.ocsp -resp_key_id
ask good foreign "-ndays 30" foreign.ocsp
ask good plain "-ndays 30" plain.ocsp
ask good responder "" no-next-update.ocsp
ask good responder "-ndays 30" no-certs.ocsp -resp_no_certs
printf '0\003\n\001\006' > unauthorized.ocsp
openssl ocsp -issuer issuing.pem -sha256 -cert good.pem -no_nonce -reqout good.req
openssl ocsp -index index.txt -CA issuing.pem -rsigner responder.pem -rkey responder.key -reqin good.req -respout sha256.ocsp -ndays 30 >/dev/null 2>&1
cp root.pem issuing.pem good.pem bad.pem held.pem *.crl.pem full.crl *.ocsp "$out"
