import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.util.*;
import javax.net.ssl.*;

/**
 * Reads chains from a file (see chains.go for its lines) and prints what Java decides about each: id, what JSSE's trust manager
 * says with the host name checked for HTTPS, what the PKIX CertPathBuilder says, and what the CertPathValidator says of the list
 * as it was sent, separated by tabs; "ok", or class and text of the exception, and for JSSE the reason that its cause carries.
 */
public class Chains {
    static final List<Object> all = new ArrayList<>(); // X509Certificate or the exception that reading it gave
    static CertificateFactory factory;

    public static void main(String[] args) throws Exception {
        factory = CertificateFactory.getInstance("X.509");
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false, "UTF-8");
        try (BufferedReader lines = Files.newBufferedReader(Paths.get(args[0]), StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] words = line.split(" ");
                if (words[0].equals("C")) {
                    all.add(read(Base64.getDecoder().decode(words[1])));
                } else {
                    out.println(words[1] + "\t" + judged(words));
                }
            }
        }
        out.flush();
    }

    static Object read(byte[] der) {
        try {
            return factory.generateCertificate(new ByteArrayInputStream(der));
        } catch (Exception error) {
            return error;
        }
    }

    static String judged(String[] words) throws Exception {
        List<X509Certificate> chain = new ArrayList<>(), anchors = new ArrayList<>();
        for (Object item : picked(words[5])) {
            if (item instanceof Exception) {
                String text = said((Exception) item);
                return "parse: " + text + "\t" + text + "\t" + text;
            }
            chain.add((X509Certificate) item);
        }
        for (Object item : picked(words[6])) {
            if (item instanceof X509Certificate) { // a keystore cannot hold what Java cannot read
                anchors.add((X509Certificate) item);
            }
        }
        Date date = new Date(Long.parseLong(words[4]) * 1000);
        String host = words[3].equals("-") || words[2].equals("client") ? null : words[3];
        return jsse(chain, anchors, date, host, words[2].equals("client")) + "\t" + built(chain, anchors, date) + "\t"
            + validated(chain, anchors, date);
    }

    static List<Object> picked(String list) {
        List<Object> found = new ArrayList<>();
        if (!list.equals("-")) {
            for (String number : list.split(",")) {
                found.add(all.get(Integer.parseInt(number)));
            }
        }
        return found;
    }

    static PKIXBuilderParameters parameters(List<X509Certificate> anchors, X509Certificate target, Date date) throws Exception {
        Set<TrustAnchor> trusted = new LinkedHashSet<>();
        for (X509Certificate anchor : anchors) {
            trusted.add(new TrustAnchor(anchor, null));
        }
        X509CertSelector selector = null;
        if (target != null) {
            selector = new X509CertSelector();
            selector.setCertificate(target);
        }
        PKIXBuilderParameters parameters = new PKIXBuilderParameters(trusted, selector);
        parameters.setRevocationEnabled(false);
        parameters.setDate(date);
        return parameters;
    }

    static String jsse(List<X509Certificate> chain, List<X509Certificate> anchors, Date date, String host, boolean client) {
        try {
            TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
            managers.init(new CertPathTrustManagerParameters(parameters(anchors, null, date)));
            X509ExtendedTrustManager manager = (X509ExtendedTrustManager) managers.getTrustManagers()[0];
            X509Certificate[] shown = chain.toArray(new X509Certificate[0]);
            SSLEngine engine = new Engine(new Session(host, shown), host != null && !client);
            if (client) {
                manager.checkClientTrusted(shown, shown[0].getPublicKey().getAlgorithm(), engine);
            } else {
                manager.checkServerTrusted(shown, "UNKNOWN", engine);
            }
            return "ok";
        } catch (Exception error) {
            Throwable cause = error.getCause();
            String reason = cause instanceof CertPathValidatorException ? " [" + ((CertPathValidatorException) cause).getReason() + "]" : "";
            return said(error) + reason;
        }
    }

    static String built(List<X509Certificate> chain, List<X509Certificate> anchors, Date date) {
        try {
            PKIXBuilderParameters parameters = parameters(anchors, chain.get(0), date);
            parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(chain)));
            CertPathBuilder.getInstance("PKIX").build(parameters);
            return "ok";
        } catch (Exception error) {
            return said(error);
        }
    }

    static String validated(List<X509Certificate> chain, List<X509Certificate> anchors, Date date) {
        try {
            PKIXBuilderParameters parameters = parameters(anchors, null, date);
            CertPathValidator.getInstance("PKIX").validate(factory.generateCertPath(chain), parameters);
            return "ok";
        } catch (Exception error) {
            return said(error);
        }
    }

    static String said(Exception error) {
        return (error.getClass().getSimpleName() + ": " + error.getMessage()).replaceAll("\\s+", " ");
    }

    /** What a trust manager asks of an engine in the middle of a handshake, and nothing else. */
    static final class Engine extends SSLEngine {
        final Session session;
        final boolean https;

        Engine(Session session, boolean https) {
            this.session = session;
            this.https = https;
        }

        public SSLSession getHandshakeSession() { return session; }
        public SSLSession getSession() { return session; }
        public SSLParameters getSSLParameters() {
            SSLParameters parameters = new SSLParameters();
            if (https) {
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
            }
            return parameters;
        }
        public SSLEngineResult wrap(ByteBuffer[] from, int offset, int length, ByteBuffer to) { throw new IllegalStateException(); }
        public SSLEngineResult unwrap(ByteBuffer from, ByteBuffer[] to, int offset, int length) { throw new IllegalStateException(); }
        public Runnable getDelegatedTask() { return null; }
        public void closeInbound() {}
        public boolean isInboundDone() { return false; }
        public void closeOutbound() {}
        public boolean isOutboundDone() { return false; }
        public String[] getSupportedCipherSuites() { return new String[0]; }
        public String[] getEnabledCipherSuites() { return new String[0]; }
        public void setEnabledCipherSuites(String[] suites) {}
        public String[] getSupportedProtocols() { return new String[] {"TLSv1.3"}; }
        public String[] getEnabledProtocols() { return new String[] {"TLSv1.3"}; }
        public void setEnabledProtocols(String[] protocols) {}
        public void beginHandshake() {}
        public SSLEngineResult.HandshakeStatus getHandshakeStatus() { return SSLEngineResult.HandshakeStatus.NEED_TASK; }
        public void setUseClientMode(boolean mode) {}
        public boolean getUseClientMode() { return true; }
        public void setNeedClientAuth(boolean need) {}
        public boolean getNeedClientAuth() { return false; }
        public void setWantClientAuth(boolean want) {}
        public boolean getWantClientAuth() { return false; }
        public void setEnableSessionCreation(boolean flag) {}
        public boolean getEnableSessionCreation() { return true; }
    }

    /** A session in the middle of a handshake, with what this JDK offers by default as signature algorithms. */
    static final class Session extends ExtendedSSLSession {
        // getLocalSupportedSignatureAlgorithms() in a TLS 1.3 handshake of JDK 17.0.21's default client (SHA-224 and DSA: TLS 1.2 only).
        static final String[] ALGORITHMS = {
            "SHA256withECDSA", "SHA384withECDSA", "SHA512withECDSA", "Ed25519", "Ed448", "RSASSA-PSS", "SHA256withRSA", "SHA384withRSA",
            "SHA512withRSA", "SHA1withECDSA", "SHA1withRSA",
        };
        final String host;
        final X509Certificate[] chain;

        Session(String host, X509Certificate[] chain) {
            this.host = host;
            this.chain = chain;
        }

        public String[] getLocalSupportedSignatureAlgorithms() { return ALGORITHMS.clone(); }
        public String[] getPeerSupportedSignatureAlgorithms() { return ALGORITHMS.clone(); }
        public List<SNIServerName> getRequestedServerNames() { return Collections.emptyList(); }
        public List<byte[]> getStatusResponses() { return Collections.emptyList(); }
        public String getProtocol() { return "TLSv1.3"; }
        public String getPeerHost() { return host; }
        public int getPeerPort() { return 443; }
        public String getCipherSuite() { return "TLS_AES_128_GCM_SHA256"; }
        public java.security.cert.Certificate[] getPeerCertificates() { return chain; }
        public java.security.cert.Certificate[] getLocalCertificates() { return null; }
        public Principal getPeerPrincipal() { return chain[0].getSubjectX500Principal(); }
        public Principal getLocalPrincipal() { return null; }
        public byte[] getId() { return new byte[0]; }
        public SSLSessionContext getSessionContext() { return null; }
        public long getCreationTime() { return 0; }
        public long getLastAccessedTime() { return 0; }
        public void invalidate() {}
        public boolean isValid() { return true; }
        public void putValue(String name, Object value) {}
        public Object getValue(String name) { return null; }
        public void removeValue(String name) {}
        public String[] getValueNames() { return new String[0]; }
        public int getPacketBufferSize() { return 1 << 14; }
        public int getApplicationBufferSize() { return 1 << 14; }
    }
}
