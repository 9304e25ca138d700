import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SNIMatcher;
import javax.net.ssl.SNIServerName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLServerSocketFactory;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;

/** An HTTPS server on JSSE that does what a properties file says (lab/live/java.py writes it). */
public class Live {
    private static final char[] PASSWORD = "changeit".toCharArray();

    public static void main(String[] words) throws Exception {
        Properties given = new Properties();
        try (FileInputStream in = new FileInputStream(words[0])) {
            given.load(in);
        }
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        for (String file : list(given, "keystores")) {
            KeyStore one = KeyStore.getInstance("PKCS12");
            try (FileInputStream in = new FileInputStream(file)) {
                one.load(in, PASSWORD);
            }
            String alias = one.aliases().nextElement();
            own.setKeyEntry(alias, one.getKey(alias, PASSWORD), PASSWORD, one.getCertificateChain(alias));
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(own, PASSWORD);
        TrustManagerFactory anchors = null;
        if (given.containsKey("trusted")) {
            KeyStore trusted = KeyStore.getInstance("PKCS12");
            trusted.load(null, null);
            try (FileInputStream in = new FileInputStream(given.getProperty("trusted"))) {
                for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                    trusted.setCertificateEntry("trusted" + trusted.size(), certificate);
                }
            }
            anchors = TrustManagerFactory.getInstance("PKIX");
            anchors.init(trusted);
        }
        List<String> names = list(given, "names");
        X509ExtendedKeyManager chooser = new BySite((X509ExtendedKeyManager) keys.getKeyManagers()[0], names, given.getProperty("no-name").equals("reject"));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(new X509ExtendedKeyManager[] {chooser}, anchors == null ? null : anchors.getTrustManagers(), null);

        SSLServerSocketFactory factory = context.getServerSocketFactory();
        SSLServerSocket listener = (SSLServerSocket) factory.createServerSocket();
        SSLParameters parameters = listener.getSSLParameters();
        parameters.setProtocols(list(given, "protocols").toArray(new String[0]));
        List<String> suites = list(given, "suites");
        if (suites.equals(List.of("ALL"))) {
            parameters.setCipherSuites(factory.getSupportedCipherSuites());
        } else if (!suites.isEmpty()) {
            if (given.containsKey("default-13")) {
                suites.addAll(0, List.of("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"));
            }
            if (given.containsKey("default-old")) {
                for (String suite : parameters.getCipherSuites()) {
                    if (!suite.startsWith("TLS_AES_") && !suite.startsWith("TLS_CHACHA20_")) {
                        suites.add(suite);
                    }
                }
            }
            parameters.setCipherSuites(suites.toArray(new String[0]));
        }
        if (given.containsKey("order")) {
            parameters.setUseCipherSuitesOrder(given.getProperty("order").equals("server"));
        }
        parameters.setApplicationProtocols(list(given, "alpn").toArray(new String[0]));
        if (given.getProperty("auth").equals("required")) {
            parameters.setNeedClientAuth(true);
        } else if (given.getProperty("auth").equals("optional")) {
            parameters.setWantClientAuth(true);
        }
        if (given.getProperty("unknown").equals("reject")) {
            parameters.setSNIMatchers(List.of(new Known(names)));
        }
        listener.setSSLParameters(parameters);
        listener.bind(new InetSocketAddress(InetAddress.getByName(given.getProperty("address")), Integer.parseInt(given.getProperty("port"))), 100);
        ExecutorService pool = Executors.newCachedThreadPool();
        while (true) {
            SSLSocket connection = (SSLSocket) listener.accept();
            pool.execute(() -> answer(connection));
        }
    }

    /** Refuses, with unrecognized_name, a name that is not in the list. */
    private static final class Known extends SNIMatcher {
        private final List<String> names;

        Known(List<String> names) {
            super(0);
            this.names = names;
        }

        @Override
        public boolean matches(SNIServerName name) {
            return name instanceof SNIHostName host && names.contains(host.getAsciiName());
        }
    }

    /** Aliases are NUMBER-KEYTYPE: 0 is the default site, the others stand in the order of the names. */
    private static final class BySite extends X509ExtendedKeyManager {
        private final X509ExtendedKeyManager keys;
        private final List<String> names;
        private final boolean refuse;

        BySite(X509ExtendedKeyManager keys, List<String> names, boolean refuse) {
            this.keys = keys;
            this.names = names;
            this.refuse = refuse;
        }

        private String choose(String keyType, Principal[] issuers, Object session) {
            int site = 0;
            List<SNIServerName> asked = ((ExtendedSSLSession) session).getRequestedServerNames();
            if (asked.isEmpty() && refuse) {
                return null;
            }
            for (SNIServerName name : asked) {
                site = name instanceof SNIHostName host ? names.indexOf(host.getAsciiName()) + 1 : 0;
            }
            String[] aliases = keys.getServerAliases(keyType, issuers);
            for (String alias : aliases == null ? new String[0] : aliases) {
                if (alias.startsWith(site + "-")) {
                    return alias;
                }
            }
            return null;
        }

        @Override
        public String chooseServerAlias(String keyType, Principal[] issuers, Socket socket) {
            return choose(keyType, issuers, ((SSLSocket) socket).getHandshakeSession());
        }

        @Override
        public String chooseEngineServerAlias(String keyType, Principal[] issuers, SSLEngine engine) {
            return choose(keyType, issuers, engine.getHandshakeSession());
        }

        @Override
        public String[] getServerAliases(String keyType, Principal[] issuers) {
            return keys.getServerAliases(keyType, issuers);
        }

        @Override
        public X509Certificate[] getCertificateChain(String alias) {
            return keys.getCertificateChain(alias);
        }

        @Override
        public PrivateKey getPrivateKey(String alias) {
            return keys.getPrivateKey(alias);
        }

        @Override
        public String[] getClientAliases(String keyType, Principal[] issuers) {
            return keys.getClientAliases(keyType, issuers);
        }

        @Override
        public String chooseClientAlias(String[] keyType, Principal[] issuers, Socket socket) {
            return keys.chooseClientAlias(keyType, issuers, socket);
        }
    }

    private static void answer(SSLSocket connection) {
        try (connection) {
            connection.setSoTimeout(15_000);
            connection.startHandshake();
            int run = 0;
            for (int octet; run < 2 && (octet = connection.getInputStream().read()) >= 0;) {
                run = octet == '\n' ? run + 1 : octet == '\r' ? run : 0;
            }
            if (run == 2) {
                connection.getOutputStream().write(
                    "HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nall is well\n".getBytes(StandardCharsets.US_ASCII));
            }
        } catch (IOException error) {
            System.err.println(error);
        }
    }

    private static List<String> list(Properties given, String name) {
        String text = given.getProperty(name, "");
        return text.isEmpty() ? new ArrayList<>() : new ArrayList<>(List.of(text.split(",")));
    }
}
