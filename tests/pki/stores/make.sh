#!/bin/sh
# Writes the stores of this folder anew, with the tools that people write them with: make.sh FOLDER
# KEYTOOL is the keytool of a Java 17, NEWER_KEYTOOL one that is newer; openssl 3.0, certutil and pk12util of NSS.
set -eu
cd "$1"
: "${KEYTOOL:=keytool}" "${NEWER_KEYTOOL:=$KEYTOOL}"
quietly() { "$@" >make.log 2>&1 || { cat make.log >&2; exit 1; }; }
sign() {  # sign NAME SUBJECT ISSUER EXTENSIONS KEY-OPTIONS...
    name=$1 subject=$2 issuer=$3 extensions=$4; shift 4
    quietly openssl req -new -newkey "$@" -nodes -keyout "$name.key" -out "$name.csr" -subj "$subject"
    printf '%b' "$extensions" >"$name.ext"
    quietly openssl x509 -req -in "$name.csr" -CA "$issuer.pem" -CAkey "$issuer.key" -CAcreateserial -days 3650 -extfile "$name.ext" -out "$name.pem"
}
P=meadow1

# Who signs whom: root -> issuing -> api (RSA), shop (EC); other signs nobody.
for name in root other; do
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.pem -days 3650 -subj "/CN=Meadow $name"
done
CA='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'
sign issuing "/CN=Meadow issuing" root "$CA" ec -pkeyopt ec_paramgen_curve:P-256
sign api "/CN=api.meadow.example" issuing "basicConstraints=CA:FALSE\nsubjectAltName=DNS:api.meadow.example\n" rsa:2048
sign shop "/CN=shop.meadow.example" issuing "basicConstraints=CA:FALSE\nsubjectAltName=DNS:shop.meadow.example\n" ec -pkeyopt ec_paramgen_curve:P-256

# Text and single structures
cat api.pem issuing.pem >api-chain.pem
cat root.pem issuing.pem api.pem >api-reversed.pem
{ cat shop.key; openssl x509 -in shop.pem -text; openssl x509 -in issuing.pem -text; } >shop-with-key.pem
cat api.pem issuing.pem shop.key >api-with-shop-key.pem
{ cat issuing.pem; cat api.key; cat api.pem; } >api-own-second.pem
cat api.pem issuing.pem shop.pem shop.key api.key >two-with-keys.pem
openssl pkcs8 -topk8 -in shop.key -v2 aes-256-cbc -v2prf hmacWithSHA512 -passout pass:$P -out pbes2.key
openssl pkcs8 -topk8 -in shop.key -scrypt -passout pass:$P -out scrypt.key
openssl pkcs8 -topk8 -in shop.key -v1 PBE-MD5-DES -provider default -provider legacy -passout pass:$P -out pbes1.key
openssl pkcs8 -topk8 -in shop.key -v2 des3 -outform DER -passout pass:$P -out pbes2.der
openssl ec -in shop.key -aes128 -passout pass:$P -out traditional.key 2>/dev/null
openssl ec -in shop.key -out sec1.key 2>/dev/null
openssl rsa -in api.key -traditional -outform DER -out pkcs1.der 2>/dev/null
openssl x509 -in api.pem -outform DER -out api.der
openssl x509 -in root.pem -trustout -addtrust serverAuth -out trusted.pem
touch index.txt; echo 01 >crlnumber
printf '[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n' >ca.cnf
quietly openssl ca -config ca.cnf -gencrl -keyfile root.key -cert root.pem -out root.crl
openssl crl -in root.crl -outform DER -out crl.der

# PKCS #7
quietly openssl crl2pkcs7 -in root.crl -certfile root.pem -certfile issuing.pem -certfile api.pem -outform DER -out chain.p7b
openssl crl2pkcs7 -nocrl -certfile api-reversed.pem -out chain.p7b.pem
openssl cms -sign -in ca.cnf -signer shop.pem -inkey shop.key -certfile issuing.pem -stream -outform DER -binary -nodetach -out indefinite.p7b

# PKCS #12 by OpenSSL
export12() { file=$1; shift; openssl pkcs12 -export -in api.pem -inkey api.key -certfile issuing.pem -name api -out "$file" "$@"; }
export12 modern.p12 -passout pass:$P
export12 legacy.p12 -passout pass:$P -legacy
export12 nomac.p12 -passout pass:$P -nomac
export12 empty.p12 -passout pass:
export12 plain.p12 -passout pass:$P -keypbe NONE -certpbe NONE -macalg sha512
export12 rc2-128.p12 -passout pass:$P -legacy -certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-RC4-128
openssl pkcs12 -export -nokeys -in api-reversed.pem -passout pass:$P -out nokeys.p12

# Java: two keys with their own chains, a self-signed one, a trusted certificate, and a secret key where there can be one
openssl pkcs12 -export -in shop.pem -inkey shop.key -certfile issuing.pem -name shop -out shop.p12 -passout pass:$P
java_store() {  # java_store KEYTOOL FILE TYPE OPTIONS...
    tool=$1 file=$2 type=$3; shift 3
    for pair in api:modern shop:shop; do
        quietly "$tool" -importkeystore -noprompt -srckeystore ${pair#*:}.p12 -srcstorepass $P -srcalias ${pair%:*} \
            -destkeystore "$file" -deststoretype $type -deststorepass $P -destkeypass $P "$@"
    done
    quietly "$tool" -genkeypair -alias selbst-ä -keyalg EC -groupname secp256r1 -dname CN=selbst -keystore "$file" -storetype $type -storepass $P -keypass $P "$@"
    quietly "$tool" -importcert -noprompt -alias anchor -file root.pem -keystore "$file" -storetype $type -storepass $P "$@"
}
LC_ALL=C.UTF-8; export LC_ALL
java_store "$KEYTOOL" java17.p12 PKCS12
java_store "$KEYTOOL" java17.jks JKS
java_store "$KEYTOOL" java17.jceks JCEKS
java_store "$NEWER_KEYTOOL" newer.p12 PKCS12
java_store "$KEYTOOL" java8.p12 PKCS12 -J-Dkeystore.pkcs12.legacy
for file in java17.p12 java17.jceks; do
    type=JCEKS; [ $file = java17.p12 ] && type=PKCS12
    quietly "$KEYTOOL" -genseckey -alias secret -keyalg AES -keysize 128 -keystore $file -storetype $type -storepass $P -keypass $P
done
quietly "$KEYTOOL" -importcert -noprompt -alias last -file other.pem -keystore java17.jceks -storetype JCEKS -storepass $P
quietly "$KEYTOOL" -importkeystore -noprompt -srckeystore modern.p12 -srcstorepass $P -srcalias api -destkeystore keypass.jks -deststoretype JKS \
    -deststorepass $P -destkeypass another1
quietly "$KEYTOOL" -importcert -noprompt -alias anchor -file root.pem -keystore cacerts.jks -storetype JKS -storepass changeit
quietly "$NEWER_KEYTOOL" -importcert -noprompt -alias anchor -file root.pem -keystore cacerts.p12 -storetype PKCS12 -storepass changeit \
    -J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE -J-Dkeystore.pkcs12.macAlgorithm=NONE

# NSS: lengths by end marks, two keys
mkdir nss
quietly certutil -N -d sql:nss --empty-password
for pair in api:modern shop:shop; do quietly pk12util -i ${pair#*:}.p12 -d sql:nss -W $P; done
quietly pk12util -o nss.p12 -n api -d sql:nss -W $P

rm -rf nss make.log root.key other.key issuing.key ./*.csr ./*.ext ./*.srl ca.cnf index.txt* crlnumber* shop.p12
