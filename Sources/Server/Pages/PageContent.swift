import Cryptography
import NIOCore
import NIOHTTP1

/// Something that browsers keep: its bytes, plain and by gzip, and the tag that tells whether they have changed.
struct PageContent: Sendable {
    private let type: String
    private let plain: ByteBuffer
    private let compressed: ByteBuffer?
    private let tag: String

    init(_ bytes: ByteBuffer, type: String) {
        (self.type, plain) = (type, bytes)
        compressed = Gzip.compress(bytes).flatMap { $0.readableBytes < bytes.readableBytes ? $0 : nil }
        var hashing = Hashing(.sha256)
        bytes.withUnsafeReadableBytes { hashing.add($0) }
        tag = hashing.digest().prefix(12).hexadecimal
    }

    /// The answer to a request for it: 304 where the browser has it.
    func answer(to head: HTTPRequestHead) -> HTTPAnswer {
        let sent = head.takesGzip ? compressed : nil
        // Two forms of one content are two contents for whoever keeps them (RFC 9110 section 8.8.3).
        let tag = sent == nil ? "\"\(tag)\"" : "\"\(tag)-gzip\""
        let known = head.headers[canonicalForm: "if-none-match"]
        let isKept = known.contains { ["*", tag, "W/" + tag].contains(String($0)) }
        var answer = HTTPAnswer(isKept ? .notModified : .ok, type, body: "")
        if !isKept {
            answer.content = sent ?? plain
            if sent != nil { answer.headers.add(name: "content-encoding", value: "gzip") }
        }
        answer.headers.add(contentsOf: PageContent.fields)
        answer.headers.add(name: "etag", value: tag)
        return answer
    }

    /// No script or style but the host's own files, nothing from or to anybody else, and no text that becomes HTML without
    /// DOMPurify: an answer that gets past it still can't run or send anything. Names in links are not looked up before
    /// somebody follows them.
    private static let fields: HTTPHeaders = [
        "cache-control": "no-cache",
        "content-security-policy":
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
            + "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify",
        "referrer-policy": "no-referrer",
        "vary": "Accept-Encoding",
        "x-dns-prefetch-control": "off",
    ]
}

extension HTTPRequestHead {
    /// Whether the client takes gzip, and would not rather have the bytes as they are (RFC 9110 section 12.5.3).
    var takesGzip: Bool {
        var weights: [String: Double] = [:]
        for element in headers[canonicalForm: "accept-encoding"] {
            let parts = element.lowercased().split(separator: ";").map { $0.trimmingSpaces() }
            guard let coding = parts.first else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 }
            weights[coding == "x-gzip" ? "gzip" : coding] = weight ?? 1
        }
        let gzip = weights["gzip"] ?? weights["*"] ?? 0
        return gzip > 0 && gzip >= weights["identity"] ?? 0
    }
}

extension Substring {
    fileprivate func trimmingSpaces() -> String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
