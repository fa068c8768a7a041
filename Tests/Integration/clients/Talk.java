// Java's HttpClient with its defaults, which offers HTTP/2 to a host without TLS: posts, pages, events, then a WebSocket.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

public class Talk {
    public static void main(String[] arguments) throws Exception {
        String base = arguments[0];
        HttpClient client = HttpClient.newHttpClient();
        for (int number = 0; number < 3; number++) {
            HttpRequest post = HttpRequest.newBuilder(URI.create("http" + base + "/ws"))
                .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\": \"java " + number + "\"}")).build();
            HttpResponse<String> answer = client.send(post, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body().contains("\"response\":\"java " + number + "\""));
            HttpRequest page = HttpRequest.newBuilder(URI.create("http" + base + "/healthz")).build();
            System.out.println(client.send(page, HttpResponse.BodyHandlers.ofString()).body().trim());
        }
        HttpRequest events = HttpRequest.newBuilder(URI.create("http" + base + "/ws")).header("Accept", "text/event-stream")
            .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\": \"java events\"}")).build();
        System.out.println(client.send(events, HttpResponse.BodyHandlers.ofLines()).body()
            .anyMatch(line -> line.startsWith("data: ") && line.contains("\"response\":\"java events\"")));
        CompletableFuture<String> heard = new CompletableFuture<>();
        WebSocket socket = client.newWebSocketBuilder().buildAsync(URI.create("ws" + base + "/ws"), new WebSocket.Listener() {
            @Override public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean isLast) {
                heard.complete(text.toString());
                return null;
            }
        }).get(20, TimeUnit.SECONDS);
        socket.sendText("java socket", true);
        System.out.println(heard.get(20, TimeUnit.SECONDS));
        socket.sendClose(WebSocket.NORMAL_CLOSURE, "").get(20, TimeUnit.SECONDS);
        // Java 17 makes nothing of a refusal that comes in place of "100 Continue".
        HttpRequest refused = HttpRequest.newBuilder(URI.create("http" + base + "/nowhere")).expectContinue(true)
            .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\": \"java\"}")).build();
        System.out.println(client.sendAsync(refused, HttpResponse.BodyHandlers.ofString()).get(20, TimeUnit.SECONDS).statusCode());
        System.exit(0);
    }
}
