import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * Handshakes of JSSE, one for each line of input: ROLE CHAIN KEY TRUST VERSION PORT HOST, with - for what there is not.
 *
 * CHAIN and TRUST are PEM files, put into a keystore as keytool does it, or stores with the password changeit (KEY is then -).
 * ROLE is "server" (asks for a client certificate where TRUST is given; answers "port N" first) or "client" (compares HOST, if
 * given, as HTTPS does). The answer is "ok" after a line went there and back, or "failed" and the exception.
 */
public class Shake {
    private static final char[] PASSWORD = "changeit".toCharArray();

    public static void main(String[] words) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] w = line.split("\t");
            String answer;
            try {
                SSLContext context = context(w[1], w[2], w[3]);
                answer = w[0].equals("server") ? server(context, !w[3].equals("-"), w[4]) : client(context, w[4], Integer.parseInt(w[5]), w[6]);
            } catch (Exception error) {
                StringBuilder told = new StringBuilder("failed");
                for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                    told.append(' ').append(cause.getClass().getSimpleName()).append(": ").append(cause.getMessage()).append(';');
                }
                answer = told.toString().replace('\n', ' ');
            }
            System.out.println(answer);
            System.out.flush();
        }
    }

    private static String server(SSLContext context, boolean asks, String version) throws Exception {
        try (SSLServerSocket listening = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0)) {
            listening.setNeedClientAuth(asks);
            listening.setEnabledProtocols(new String[] {version});
            listening.setSoTimeout(10_000);
            System.out.println("port " + listening.getLocalPort());
            System.out.flush();
            try (SSLSocket connected = (SSLSocket) listening.accept()) {
                connected.setSoTimeout(5_000);
                connected.startHandshake();
                BufferedReader in = new BufferedReader(new InputStreamReader(connected.getInputStream()));
                String line = in.readLine();
                if (line == null) {
                    return "failed closed before a line came";
                }
                connected.getOutputStream().write((new StringBuilder(line).reverse() + "\n").getBytes(StandardCharsets.UTF_8));
                connected.getOutputStream().flush();
                return "ok";
            }
        }
    }

    private static String client(SSLContext context, String version, int port, String host) throws Exception {
        try (SSLSocket connected = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port)) {
            connected.setSoTimeout(5_000);
            SSLParameters parameters = connected.getSSLParameters();
            parameters.setProtocols(new String[] {version});
            if (!host.equals("-")) {
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
                parameters.setServerNames(java.util.List.of(new javax.net.ssl.SNIHostName(host)));
            }
            connected.setSSLParameters(parameters);
            connected.startHandshake();
            connected.getOutputStream().write("ab\n".getBytes(StandardCharsets.UTF_8));
            connected.getOutputStream().flush();
            String line = new BufferedReader(new InputStreamReader(connected.getInputStream())).readLine();
            return "ba".equals(line) ? "ok" : "failed the line did not come back: " + line;
        }
    }

    private static SSLContext context(String chain, String key, String trust) throws Exception {
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(chain.equals("-") ? empty() : key.equals("-") ? store(chain) : made(chain, key), PASSWORD);
        TrustManagerFactory anchors = TrustManagerFactory.getInstance("PKIX");
        KeyStore trusted = trust.equals("-") ? empty() : trust.endsWith(".pem") ? empty() : store(trust);
        if (trust.endsWith(".pem")) {
            int n = 0;
            for (Certificate one : certificates(trust)) {
                trusted.setCertificateEntry("anchor " + n++, one);
            }
        }
        SSLContext context = SSLContext.getInstance("TLS");
        if (trusted.size() == 0) {
            context.init(keys.getKeyManagers(), new javax.net.ssl.TrustManager[] {new Anybody()}, null);
        } else {
            anchors.init(trusted);
            context.init(keys.getKeyManagers(), anchors.getTrustManagers(), null);
        }
        return context;
    }

    private static KeyStore empty() throws Exception {
        KeyStore store = KeyStore.getInstance("JKS");
        store.load(null, null);
        return store;
    }

    private static KeyStore store(String file) throws Exception {
        return KeyStore.getInstance(Path.of(file).toFile(), PASSWORD);
    }

    private static KeyStore made(String chain, String key) throws Exception {
        String text = Files.readString(Path.of(key)).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
        PrivateKey own = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text)));
        KeyStore store = empty();
        store.setKeyEntry("own", own, PASSWORD, certificates(chain).toArray(new Certificate[0]));
        return store;
    }

    private static Collection<? extends Certificate> certificates(String file) throws Exception {
        try (InputStream in = new FileInputStream(file)) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in);
        }
    }

    /** For the side that is not in question: it trusts everybody. */
    private static final class Anybody extends javax.net.ssl.X509ExtendedTrustManager {
        public void checkClientTrusted(java.security.cert.X509Certificate[] c, String a) {}
        public void checkServerTrusted(java.security.cert.X509Certificate[] c, String a) {}
        public void checkClientTrusted(java.security.cert.X509Certificate[] c, String a, java.net.Socket s) {}
        public void checkServerTrusted(java.security.cert.X509Certificate[] c, String a, java.net.Socket s) {}
        public void checkClientTrusted(java.security.cert.X509Certificate[] c, String a, javax.net.ssl.SSLEngine e) {}
        public void checkServerTrusted(java.security.cert.X509Certificate[] c, String a, javax.net.ssl.SSLEngine e) {}
        public java.security.cert.X509Certificate[] getAcceptedIssuers() { return new java.security.cert.X509Certificate[0]; }
    }
}
