import CCurl
import Synchronization

/// One call: what to send, and what libcurl has made of it so far.
///
/// Everything in ``state`` is used on the client's thread alone; the lock is for the compiler and never contended.
final class Transfer: Sendable {
    struct State {
        var headerBlock: [UInt8] = []
        var status = 0
        var hasBegun = false
        var start = ContinuousClock.now
        var lastByte: ContinuousClock.Instant?
        var failure: HTTPClientError?
        var isOver = false
    }

    let request: HTTPRequest
    let receiver: any Receiver
    let state = Mutex(State())

    /// - Throws: `invalidRequest` for header fields that could smuggle others in.
    init(_ request: HTTPRequest, receiver: any Receiver) throws(HTTPClientError) {
        for (name, value) in request.headers {
            let isNameGood =
                !name.isEmpty && name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") }
            guard isNameGood, !value.utf8.contains(where: { $0 == 0 || $0 == 0x0A || $0 == 0x0D }) else {
                throw HTTPClientError(.invalidRequest, "a header field holds characters that can't be sent")
            }
        }
        self.request = request
        self.receiver = receiver
    }

    /// When the call fails unless something happens, besides the deadlines that libcurl keeps.
    func deadline() -> (at: ContinuousClock.Instant, error: HTTPClientError)? {
        state.withLock { state in
            if let lastByte = state.lastByte {
                let error = HTTPClientError(.timeout, "nothing came for \(request.deadlines.idle)")
                return (lastByte + request.deadlines.idle, error)
            }
            guard let limit = request.deadlines.firstByte else { return nil }
            return (state.start + limit, HTTPClientError(.timeout, "no response began within \(limit)"))
        }
    }

    /// Takes a line of the response's head. A head may come more than once: an interim response, or a proxy's.
    func takeHeader(_ line: UnsafeRawBufferPointer) {
        state.withLock { state in
            state.lastByte = .now
            if line.starts(with: "HTTP/".utf8) {
                state.headerBlock.removeAll(keepingCapacity: true)
                let digits = line.drop { $0 != UInt8(ascii: " ") }.dropFirst().prefix(3)
                state.status = Int(String(decoding: digits, as: UTF8.self)) ?? 0
            } else {
                state.headerBlock.append(contentsOf: line)
            }
        }
        let isEnd = line.count <= 2
        if isEnd { begin() }
    }

    private func begin() {
        let head: (status: Int, headers: HTTPHeaderFields)? = state.withLock { state in
            guard !state.hasBegun, state.status >= 200 else { return nil }
            state.hasBegun = true
            return (state.status, HTTPHeaderFields(block: state.headerBlock))
        }
        if let head { receiver.begin(status: head.status, headers: head.headers) }
    }

    /// Takes bytes of the body; returns what libcurl's write callback returns.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        state.withLock { $0.lastByte = .now }
        switch receiver.take(bytes) {
        case .taken: return bytes.count
        case .paused: return curl_write_pause
        case .tooLarge:
            let limit = request.bodyLimit
            state.withLock { $0.failure = HTTPClientError(.bodyTooLarge, "the response has more than \(limit) bytes") }
            return 0
        }
    }

    /// Tells the receiver how it ended, once.
    func end(_ error: HTTPClientError?) {
        let (isFirst, failure) = state.withLock { state in
            defer { state.isOver = true }
            return (!state.isOver, state.failure)
        }
        if isFirst { receiver.end(failure ?? error) }
    }
}
