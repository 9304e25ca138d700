import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.time.Duration;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

/** An HTTPS client on JSSE: URL, truststore, protocol, and a PKCS#12 keystore or "-". */
public class Get {
    public static void main(String[] words) throws Exception {
        KeyStore trust = KeyStore.getInstance("JKS");
        try (FileInputStream in = new FileInputStream(words[1])) {
            trust.load(in, "changeit".toCharArray());
        }
        TrustManagerFactory anchors = TrustManagerFactory.getInstance("PKIX");
        anchors.init(trust);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        KeyStore own = KeyStore.getInstance("PKCS12");
        if (words[3].equals("-")) {
            own.load(null, null);
        } else {
            try (FileInputStream in = new FileInputStream(words[3])) {
                own.load(in, "changeit".toCharArray());
            }
        }
        keys.init(own, "changeit".toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), anchors.getTrustManagers(), null);
        SSLParameters parameters = new SSLParameters();
        parameters.setProtocols(words[2].split(","));
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
            .sslContext(context).sslParameters(parameters).connectTimeout(Duration.ofSeconds(8)).build();
        try {
            HttpResponse<String> answer = client.send(
                HttpRequest.newBuilder(URI.create(words[0])).timeout(Duration.ofSeconds(10)).build(), HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode());
            System.out.println(answer.body());
        } catch (java.io.IOException error) {
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                System.err.println(cause);
            }
            System.exit(1);
        }
    }
}
