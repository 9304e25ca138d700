import javax.net.ssl.SSLContext;

/** The cipher suites that this JSSE has, switched on or not. */
public class Suites {
    public static void main(String[] words) throws Exception {
        for (String suite : SSLContext.getDefault().getSupportedSSLParameters().getCipherSuites()) {
            System.out.println(suite);
        }
    }
}
