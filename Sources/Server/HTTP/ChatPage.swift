import NIOHTTP1
import Pipeline
import Synchronization

/// The small chat page at `/`, which is part of the program and asks nobody else for anything.
enum ChatPage {
    /// The page for the pipelines that are served.
    ///
    /// - Parameter needsToken: Whether it asks for a key or token, which it keeps to itself.
    static func answer(for pipelines: [ServedPipeline], needsToken: Bool) -> HTTPAnswer {
        let list = pipelines.map { pipeline in
            var object = JSONText()
            object.add("name", pipeline.name)
            object.add("path", pipeline.path)
            return object.finished
        }
        // A name with '</script>' in it must not end the element that the list stands in.
        let json = "[\(list.joined(separator: ","))]".replacing("<", with: "\\u003c")
        var answer = HTTPAnswer(.ok, "text/html; charset=utf-8", body: page(for: json, needsToken: needsToken))
        answer.headers.add(
            name: "content-security-policy",
            value: "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
        return answer
    }

    private struct Made {
        let list: String
        let needsToken: Bool
        let page: String
    }

    /// The page as it was made last: it changes with what is served, and making it takes longer than the rest of an answer.
    private static let made = Mutex<Made?>(nil)

    private static func page(for list: String, needsToken: Bool) -> String {
        if let made = made.withLock(\.self), made.list == list, made.needsToken == needsToken { return made.page }
        let page = String(decoding: PackageResources.chat_html, as: UTF8.self).replacing(placeholder, with: list)
            .replacing(#"id="needs-token">false<"#, with: #"id="needs-token">\#(needsToken)<"#)
        made.withLock { $0 = Made(list: list, needsToken: needsToken, page: page) }
        return page
    }

    private static let placeholder = #"[{"name":"chat","path":"/ws"}]"#
}
