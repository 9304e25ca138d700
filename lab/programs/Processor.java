import com.sun.net.httpserver.HttpServer;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.util.concurrent.Executors;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** A Message Processor: plain HTTP in, JSSE out; answers 503 with the reason. ADDRESS PORT TARGET TRUSTSTORE [KEYSTORE]. */
public class Processor {
    public static void main(String[] words) throws Exception {
        TrustManagerFactory anchors = TrustManagerFactory.getInstance("PKIX");
        anchors.init(store("JKS", words[3]));
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(words.length > 4 ? store("PKCS12", words[4]) : store("PKCS12", null), "changeit".toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), anchors.getTrustManagers(), null);
        HttpServer server = HttpServer.create(new InetSocketAddress(words[0], Integer.parseInt(words[1])), 10);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/", exchange -> {
            int status = 200;
            byte[] body;
            try {
                HttpsURLConnection call = (HttpsURLConnection) new URL(words[2] + exchange.getRequestURI()).openConnection();
                call.setSSLSocketFactory(context.getSocketFactory());
                call.setConnectTimeout(3000);
                call.setReadTimeout(4000);
                call.setRequestProperty("Connection", "close");
                try (InputStream in = call.getInputStream()) {
                    body = in.readAllBytes();
                }
            } catch (IOException error) {
                status = 503;
                System.err.println(error);
                body = ("{\"fault\":{\"faultstring\":\"SSL Handshake failed " + error + "\"}}").getBytes(StandardCharsets.UTF_8);
            }
            exchange.sendResponseHeaders(status, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }

    private static KeyStore store(String kind, String file) throws Exception {
        KeyStore store = KeyStore.getInstance(kind);
        if (file == null) {
            store.load(null, null);
            return store;
        }
        try (FileInputStream in = new FileInputStream(file)) {
            store.load(in, "changeit".toCharArray());
        }
        return store;
    }
}
