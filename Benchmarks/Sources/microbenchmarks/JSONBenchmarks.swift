import HTTPClient
import Server
import Pipeline
import Resources

/// JSON from and to clients, and from and to the model API.
enum JSONBenchmarks {
    static func all() -> [Microbenchmark] {
        var message = Message(prompt: "What is 2 + 2?", clientID: "c-1")
        message.completion = Completion(text: "2 + 2 = 4", tokensUsed: 42)
        let answered = message
        let request = CompletionRequest(
            model: "gpt-3.5-turbo", turns: [.init(.user, "What is 2 + 2?")], timeout: .seconds(30))
        let body = Array(
            """
            {"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-3.5-turbo","choices":[{"index":0,\
            "message":{"role":"assistant","content":"2 + 2 = 4"},"finish_reason":"stop"}],\
            "usage":{"prompt_tokens":12,"completion_tokens":8,"total_tokens":20}}
            """.utf8)
        let piece = Array(
            """
            data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-3.5-turbo",\
            "choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}


            """.utf8)
        return [
            Microbenchmark(name: "json-frame-in") { count in
                for _ in 0..<count { _ = try ClientFrame.read(#"{"prompt": "What is 2 + 2?", "id": "c-1"}"#) }
            },
            Microbenchmark(name: "json-frame-out") { count in
                for number in 0..<count {
                    precondition(!ServerFrame.response(to: answered, in: .json).text(sequence: number).isEmpty)
                }
            },
            Microbenchmark(name: "json-model-out") { count in
                for _ in 0..<count { _ = ChatRequest(request).json }
            },
            Microbenchmark(name: "json-model-in") { count in
                for _ in 0..<count { _ = try ChatResponse.completion(from: body) }
            },
            Microbenchmark(name: "stream-event") { count in
                var (events, answer) = (ServerSentEvents(), StreamedAnswer())
                for _ in 0..<count {
                    for event in try events.read(piece) { _ = try answer.add(event.data) }
                }
            },
        ]
    }
}
