import NIOCore
import NIOHTTP1
import Pipeline

/// A whole HTTP response.
struct HTTPAnswer {
    var status: HTTPResponseStatus = .ok
    var contentType = "text/plain; charset=utf-8"
    var body: String
    /// What stands for ``body`` where there are bytes that are ready to be sent.
    var content: ByteBuffer?
    var headers: HTTPHeaders = [:]
    /// Why nothing is served, where nothing is.
    private(set) var refusal: RefusalReason?
    /// What operators are to see of it.
    private(set) var warning: String?
    /// What is given back once the client has taken the answer, or has gone.
    var reservation: HistoryBudget.Reservation?

    init(_ status: HTTPResponseStatus = .ok, _ contentType: String = "text/plain; charset=utf-8", body: String) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    init(_ rejection: HTTPRejection) {
        self.init(rejection.status, body: rejection.reason + "\n")
        headers = rejection.headers
        refusal = rejection.kind
        warning = rejection.isWarning ? rejection.reason : nil
    }

    /// What somebody gets whose posted message is not worked on: the form of every error of a message.
    init(_ error: PipelineError, _ status: HTTPResponseStatus? = nil, refusal: RefusalReason? = nil) {
        let frame = ServerFrame.error(error, clientID: nil, in: .json)
        self.init(status ?? frame.status, "application/json", body: frame.text(sequence: 1) + "\n")
        self.refusal = refusal
    }

    /// The response's head, and its body's bytes; a `HEAD` request gets the head alone.
    func parts(
        for request: HTTPRequestHead, isLast: Bool, allocator: ByteBufferAllocator
    ) -> (HTTPResponseHead, ByteBuffer?) {
        var fields = headers
        // RFC 9110 section 8.6: an answer without content has no length.
        if status != .noContent, status != .notModified {
            fields.replaceOrAdd(name: "content-type", value: contentType)
            fields.replaceOrAdd(name: "content-length", value: String(content?.readableBytes ?? body.utf8.count))
        }
        if !fields.contains(name: "cache-control") { fields.add(name: "cache-control", value: "no-store") }
        fields.replaceOrAdd(name: "x-content-type-options", value: "nosniff")
        if isLast { fields.replaceOrAdd(name: "connection", value: "close") }
        let head = HTTPResponseHead(version: request.version, status: status, headers: fields)
        if request.method == .HEAD { return (head, nil) }
        return (head, content ?? (body.isEmpty ? nil : allocator.buffer(string: body)))
    }
}
