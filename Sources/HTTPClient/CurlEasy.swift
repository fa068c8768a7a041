import CCurl

/// A libcurl easy handle, and what it has received of the call that it makes. Used on the client's thread alone.
final class CurlEasy: Timed {
    /// Which connection a call may have.
    enum ConnectionRule {
        case any
        /// A new one, which another call may use later.
        case new
        /// One that no other call has.
        case own
    }

    let pointer: UnsafeMutableRawPointer
    private(set) var call: Call?
    /// The number of the lane that the call is in.
    private(set) var lane = 0
    var deadlineIndex: Int?

    let options: CurlOptions
    private let sockets: CurlSockets
    private let onFull: (CurlEasy) -> Void
    private var fields: UnsafeMutablePointer<curl_slist>?
    private var headers: [(name: String, value: String)] = []
    private var url = ""
    /// The same as libcurl has it.
    private var address: CurlURL?
    private var connectionRule = ConnectionRule.any
    private var forbidsReuse = false
    private var isVerbose = false

    private var status = 0
    private var block: [UInt8] = []
    private var hasHead = false
    private var body: [UInt8] = []
    private var received = 0
    private var pieces = 0
    private var lastByte: ContinuousClock.Instant?
    private var isPaused = false
    private var failure: HTTPClientError?
    private var framing = ResponseFraming()
    private var connection: CurlSockets.Connection?
    /// Bytes of the request's body.
    private(set) var bodySize = 0
    /// Whether what the call is sent from may be there still.
    var hasSendBuffers = false
    /// Descriptors that were opened for the call.
    private var opened: [Int32] = []

    /// Whether the connection that the call was given can't be used again; nothing of the call was sent.
    private(set) var hasStaleConnection = false

    /// The largest head that is taken, interim responses included: four times what Node takes by default.
    private static let headLimit = 64 << 10
    /// Pieces of a stream of events whose successors may wait: many APIs send who speaks before the first word.
    private static let promptPieces = 2

    /// A handle for one call after the other; what they have in common is set once.
    ///
    /// - Parameters:
    ///   - sockets: told of the connections that the calls get.
    ///   - onFull: called when so much waits for a reader that the call should pause.
    /// - Returns: `nil` where libcurl has no memory left.
    init?(_ options: CurlOptions, _ sockets: CurlSockets, onFull: @escaping (CurlEasy) -> Void = { _ in }) {
        guard let pointer = curl_easy_init() else { return nil }
        (self.pointer, self.options, self.sockets, self.onFull) = (pointer, options, sockets, onFull)
        options.apply(to: pointer)
        sockets.watch(pointer)
        // Unretained: `CurlCalls` keeps this object for as long as libcurl knows of the handle.
        let context = Unmanaged.passUnretained(self).toOpaque()
        curl_set_pointer(pointer, CURLOPT_PRIVATE, context)
        curl_set_pointer(pointer, CURLOPT_HEADERDATA, context)
        curl_set_pointer(pointer, CURLOPT_WRITEDATA, context)
        curl_set_pointer(pointer, CURLOPT_PREREQDATA, context)
        curl_set_pointer(pointer, CURLOPT_SOCKOPTDATA, context)
        curl_set_sockopt(pointer) { context, descriptor, _ in
            guard let context else { return Int32(CURL_SOCKOPT_OK) }
            let easy = Unmanaged<CurlEasy>.fromOpaque(context).takeUnretainedValue()
            easy.opened.append(descriptor)
            easy.sockets.noteOpened(descriptor)
            return Int32(CURL_SOCKOPT_OK)
        }
        curl_set_callback(pointer, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let easy = Unmanaged<CurlEasy>.fromOpaque(context).takeUnretainedValue()
            return easy.takeLine(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        curl_set_callback(pointer, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let easy = Unmanaged<CurlEasy>.fromOpaque(context).takeUnretainedValue()
            return easy.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        curl_set_prereq(pointer) { context, remote, local, remotePort, localPort in
            guard let context, let remote, let local else { return Int32(CURL_PREREQFUNC_OK) }
            let easy = Unmanaged<CurlEasy>.fromOpaque(context).takeUnretainedValue()
            let address = CurlAddress(remote: remote, local: local, remotePort: remotePort, localPort: localPort)
            return Int32(easy.maySend(over: address) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT)
        }
    }

    deinit {
        curl_easy_cleanup(pointer)
        curl_slist_free_all(fields)
    }

    /// The object that goes with a handle.
    static func of(_ pointer: UnsafeMutableRawPointer) -> CurlEasy? {
        var context: UnsafeMutableRawPointer?
        curl_get_pointer(pointer, CURLINFO_PRIVATE, &context)
        return context.map { Unmanaged<CurlEasy>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Makes the handle ready for a call.
    func begin(_ call: Call, lane: Int, _ rule: ConnectionRule) {
        self.call = call
        bodySize = options.apply(call, to: pointer)
        // 33 KiB: libcurl's, and OpenSSL's, which makes another when the host's tickets come.
        hasSendBuffers = call.isEncrypted && bodySize > 0
        self.lane = lane
        setAddress(call.request.url)
        setFields(of: call.request)
        connectionRule = rule
        if rule != .any { curl_set_long(pointer, CURLOPT_FRESH_CONNECT, 1) }
        if rule == .own { forbidReuse() }
    }

    private func setAddress(_ url: String) {
        guard self.url != url else { return }
        self.url = url
        curl_set_string(pointer, CURLOPT_URL, url)
        // Before the former one goes.
        let address = options.lastURL.read(url)
        curl_set_pointer(pointer, CURLOPT_CURLU, address.map { UnsafeRawPointer($0.pointer) })
        self.address = address
    }

    private func setFields(of request: HTTPRequest) {
        guard fields == nil || !headers.elementsEqual(request.headers, by: ==) else { return }
        curl_slist_free_all(fields)
        headers = request.headers
        fields = CurlOptions.fields(of: request)
        curl_set_pointer(pointer, CURLOPT_HTTPHEADER, fields)
    }

    /// Has the call's connection closed after it.
    private func forbidReuse() {
        forbidsReuse = true
        curl_set_long(pointer, CURLOPT_FORBID_REUSE, 1)
    }

    /// Forgets the call and its body; the handle must not be in a multi handle any more. The address and the header fields
    /// stay, as those of the next call are mostly the same.
    func reset() {
        options.forgetCall(of: pointer)
        if connectionRule != .any { curl_set_long(pointer, CURLOPT_FRESH_CONNECT, 0) }
        if forbidsReuse { curl_set_long(pointer, CURLOPT_FORBID_REUSE, 0) }
        if isVerbose { curl_set_long(pointer, CURLOPT_VERBOSE, 0) }
        (call, failure, lastByte) = (nil, nil, nil)
        (framing, connection, hasStaleConnection) = (ResponseFraming(), nil, false)
        (status, received, pieces, hasHead, isPaused) = (0, 0, 0, false, false)
        // Which libcurl leaves to the handle where other calls use the connection.
        if hasSendBuffers { options.freeSendBuffer(of: pointer) }
        hasSendBuffers = false
        (connectionRule, forbidsReuse, isVerbose) = (.any, false, false)
        (block, body, opened) = ([], [], [])
    }

    /// Gives the call its end as libcurl tells it.
    func finish(_ call: Call, _ code: CURLcode) {
        if code == CURLE_OK { releaseConnection() }
        if code != CURLE_OK {
            call.fail(failure ?? CurlFailure.error(of: code, pointer, call.request.deadlines))
        } else if !hasHead {
            // To libcurl a head that breaks off is the whole of an old server's response.
            call.fail(HTTPClientError(.closedEarly, "the response's head was not whole"))
        } else if call.isStreamed {
            call.body.end(nil)
        } else {
            call.finish(.success(HTTPResponse(status: status, headers: HTTPHeaderFields(block: block), body: body)))
        }
    }
}

// MARK: Connections

extension CurlEasy {
    private func maySend(over address: CurlAddress) -> Bool {
        let maySend: Bool
        (connection, maySend) = sockets.take(address, by: pointer, opened: opened)
        hasStaleConnection = !maySend
        return maySend
    }

    private func releaseConnection() {
        if let connection { sockets.release(connection) }
    }

    /// libcurl 7.88 drops what it has read past the end of such a body, and keeps the connection; it says so in its log
    /// alone.
    private func watchForLeftovers() {
        isVerbose = true
        curl_set_debug(pointer) { handle, kind, bytes, count, _ in
            guard kind == CURLINFO_TEXT, let handle, let bytes, let easy = CurlEasy.of(handle) else { return 0 }
            let text = UnsafeRawBufferPointer(start: bytes, count: count)
            if text.starts(with: "Leftovers after chunking".utf8) || text.starts(with: "Excess found".utf8) {
                easy.forbidReuse()
                easy.sockets.noteExcess()
            }
            return 0
        }
        curl_set_long(pointer, CURLOPT_VERBOSE, 1)
    }
}

// MARK: What comes

extension CurlEasy {
    /// Takes a line of the head. There may be more than one head: interim responses come before the final one.
    private func takeLine(_ line: UnsafeRawBufferPointer) -> Bool {
        lastByte = .now
        // What follows the body of a chunked response looks like a head and is not.
        guard !hasHead else { return true }
        received += line.count
        guard received <= Self.headLimit else {
            failure = HTTPClientError(.invalidResponse, "the response's head has more than \(Self.headLimit) bytes")
            return false
        }
        if line.starts(with: "HTTP/".utf8) {
            let digits = line.drop { $0 != UInt8(ascii: " ") }.dropFirst().prefix(3)
            status = digits.reduce(0) { $0 * 10 + Int($1 & 0x0F) }
            block.removeAll(keepingCapacity: true)
            framing = ResponseFraming()
        } else if line.first == UInt8(ascii: "\r") || line.first == UInt8(ascii: "\n") {
            return status < 200 || endHead()
        } else {
            block.append(contentsOf: line)
            framing.take(line)
        }
        return true
    }

    private func endHead() -> Bool {
        guard !framing.hasTwoLengths else {
            failure = HTTPClientError(.invalidResponse, "the response has two lengths")
            return false
        }
        if framing.isAmbiguous { forbidReuse() }
        let hasNoBody = status == 204 || status == 304 || call?.request.method == "HEAD"
        if framing.isChunked || hasNoBody { watchForLeftovers() }
        hasHead = true
        received = 0
        guard let call, call.isStreamed else { return true }
        forgetBody(of: call)
        call.finish(.success(HTTPResponse(status: status, headers: HTTPHeaderFields(block: block), body: [])))
        return true
    }

    private func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let call else { return false }
        lastByte = .now
        let limit = call.request.bodyLimit
        guard bytes.count <= limit - received else {
            failure = .bodyTooLarge(limit)
            return false
        }
        received += bytes.count
        if !call.isStreamed {
            body.append(contentsOf: bytes)
            return true
        }
        if framing.isEventStream {
            pieces += 1
            if pieces == Self.promptPieces, let connection { sockets.gather(connection) }
        }
        if call.body.append(bytes) { onFull(self) }
        return true
    }

    /// Stops reading while much waits for the reader.
    ///
    /// Not by the write callback's own way to pause: libcurl keeps what it was about to write then, up to 64 MiB of it
    /// where a small piece decompresses to that. Here everything that is decompressed counts against the body's limit.
    func pauseIfFull() {
        guard !isPaused, let call, call.body.holdUp() else { return }
        isPaused = true
        curl_easy_pause(pointer, CURLPAUSE_RECV)
    }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        lastByte = .now
        curl_easy_pause(pointer, CURLPAUSE_CONT)
    }
}

// MARK: Deadlines

extension CurlEasy {
    /// The deadline that has passed; that of connecting is libcurl's to keep.
    func passedDeadline(_ call: Call, now: ContinuousClock.Instant) -> HTTPClientError.Deadline? {
        let deadlines = call.request.deadlines
        if now >= call.start.advanced(byAtMost: deadlines.total) { return .total }
        if let lastByte {
            return !isPaused && now >= lastByte.advanced(byAtMost: deadlines.idle) ? .idle : nil
        }
        guard let limit = deadlines.firstByte else { return nil }
        return now >= call.start.advanced(byAtMost: limit) ? .firstByte : nil
    }

    /// A time before which no deadline passes, whatever comes until then.
    func earliestDeadline(_ call: Call, now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let deadlines = call.request.deadlines
        let total = call.start.advanced(byAtMost: deadlines.total)
        let idle = (isPaused ? now : lastByte ?? now).advanced(byAtMost: deadlines.idle)
        guard lastByte == nil, let limit = deadlines.firstByte else { return min(total, idle) }
        return min(total, idle, call.start.advanced(byAtMost: limit))
    }
}
