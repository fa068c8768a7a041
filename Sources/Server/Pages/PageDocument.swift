import NIOCore
import NIOHTTP1
import Synchronization

/// A page of HTML with what it has to know of the host. That stands in elements of its own, as JSON, which no browser runs.
enum PageDocument {
    /// The answer with a document.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - values: What the elements `<script type="application/json" id="KEY">` hold, as JSON.
    ///   - head: The request.
    static func answer(_ name: String, _ values: [String: String], to head: HTTPRequestHead) -> HTTPAnswer {
        made(name, values).answer(to: head)
    }

    private struct Made {
        let values: [String: String]
        let content: PageContent
    }

    /// Each document as it was made last: it changes with what is served, and making it takes longer than the rest of an
    /// answer.
    private static let last = Mutex<[String: Made]>([:])

    private static func made(_ name: String, _ values: [String: String]) -> PageContent {
        if let made = last.withLock({ $0[name] }), made.values == values { return made.content }
        var text = PageFile.bytes(of: name).map { String(buffer: $0) } ?? ""
        for (id, json) in values {
            guard let start = text.firstRange(of: "<script type=\"application/json\" id=\"\(id)\">")?.upperBound,
                let end = text[start...].firstRange(of: "</script>")?.lowerBound
            else { continue }
            // A name with '</script>' in it must not end the element that it stands in.
            text.replaceSubrange(start..<end, with: json.replacing("<", with: "\\u003c"))
        }
        let content = PageContent(ByteBuffer(string: text), type: "text/html; charset=utf-8")
        last.withLock { $0[name] = Made(values: values, content: content) }
        return content
    }
}
