import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** One handshake of the JDK it runs on: HOST PORT, and "socket" (SSLSocket) or "http" (java.net.http). */
public class Hello {
    public static void main(String[] words) throws Exception {
        String host = words[0];
        int port = Integer.parseInt(words[1]);
        if (words[2].equals("http")) {
            URI where = URI.create("https://" + host + ":" + port + "/");
            HttpClient.newHttpClient().send(HttpRequest.newBuilder(where).build(), HttpResponse.BodyHandlers.ofString());
            return;
        }
        SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        try (SSLSocket socket = (SSLSocket) factory.createSocket(host, port)) {
            socket.startHandshake();
        }
    }
}
