import CCurl

/// What calls are to libcurl.
struct CurlOptions {
    let lastURL = LastURL()
    private let allowsHTTP2: Bool
    private let unproxied = CurlProxy.unproxiedHosts

    /// The largest piece in which the body of a call that is streamed comes. libcurl takes up to a hundred of them
    /// before it sees that the call should pause, so this is small: 200 KiB wait then besides what was to wait.
    private static let streamedPiece = 2 << 10
    /// The same over TLS, where a piece comes alone anyway: the least that libcurl takes.
    private static let encryptedPiece = 1 << 10
    /// Most answers fit in. libcurl's own size, four times as much, is a block that the system's allocator splits and joins
    /// again for each call.
    private static let wholePiece = 4 << 10
    /// The least that libcurl takes; a call over TLS has such a buffer, and 64 KiB of its own accord.
    private static let sentPiece = 16 << 10

    init(allowsHTTP2: Bool) {
        self.allowsHTTP2 = allowsHTTP2
    }

    /// Sets what all calls have in common, which a handle keeps.
    func apply(to handle: UnsafeMutableRawPointer) {
        curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        // Without it, letting go of a call whose host is still looked up stops the thread until that ends.
        curl_set_long(handle, CURLOPT_QUICK_EXIT, 1)
        curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        curl_set_string(handle, CURLOPT_NOPROXY, unproxied)
        curl_set_long(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        curl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
        curl_set_long(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        // The system's file has all certificates of its folder. With a folder beside it libcurl reads the file again for each
        // connection: 20 ms, and 800 KiB for as long as the connection is open.
        curl_set_string(handle, CURLOPT_CAPATH, nil)
        curl_set_string(handle, CURLOPT_ACCEPT_ENCODING, "")
        curl_set_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, Self.sentPiece)
    }

    /// Sets what a call has of its own, but for its header fields.
    ///
    /// - Returns: Bytes of its body.
    func apply(_ call: Call, to handle: UnsafeMutableRawPointer) -> Int {
        let version = allowsHTTP2 && !call.isStreamed ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
        curl_set_long(handle, CURLOPT_HTTP_VERSION, version)
        curl_set_long(handle, CURLOPT_BUFFERSIZE, Self.piece(of: call))
        let connect = max(1, call.request.deadlines.connect.wholeMilliseconds)
        curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, connect)
        let body = call.requestBody
        setMethod(call.request.method, body, handle)
        return body.count
    }

    private static func piece(of call: Call) -> Int {
        guard call.isStreamed else { return wholePiece }
        return call.isEncrypted ? encryptedPiece : streamedPiece
    }

    private func setMethod(_ method: String, _ body: [UInt8], _ handle: UnsafeMutableRawPointer) {
        let hasLength = !body.isEmpty || ["POST", "PUT", "PATCH"].contains(method)
        if hasLength {
            curl_set_long(handle, CURLOPT_POST, 1)
            curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
            if body.isEmpty {
                curl_set_string(handle, CURLOPT_COPYPOSTFIELDS, "")
            } else {
                body.withUnsafeBytes { _ = curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
            }
        }
        switch (method, hasLength) {
        case ("GET", false), ("POST", true): break
        case ("HEAD", false): curl_set_long(handle, CURLOPT_NOBODY, 1)
        default: curl_set_string(handle, CURLOPT_CUSTOMREQUEST, method)
        }
    }

    /// Frees the buffer that is sent from; libcurl makes another where it sends again.
    func freeSendBuffer(of handle: UnsafeMutableRawPointer) {
        // That is what it does whenever the size is set.
        curl_set_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, Self.sentPiece)
    }

    /// Frees libcurl's copy of a body that was sent.
    func forgetBody(of handle: UnsafeMutableRawPointer) {
        curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, nil)
    }

    /// Forgets the call's method and body.
    func forgetCall(of handle: UnsafeMutableRawPointer) {
        curl_set_pointer(handle, CURLOPT_POSTFIELDS, nil)
        curl_set_string(handle, CURLOPT_CUSTOMREQUEST, nil)
        // Which takes back a POST and a HEAD, too.
        curl_set_long(handle, CURLOPT_HTTPGET, 1)
    }

    /// A request's header fields as libcurl takes them, to be freed.
    static func fields(of request: HTTPRequest) -> UnsafeMutablePointer<curl_slist>? {
        // To libcurl a name with nothing behind the colon is a field to leave out: it would wait a second for a 100
        // that few servers send, and call every body a form.
        var fields = curl_slist_append(nil, "Expect:")
        if !request.headers.contains(where: { $0.name.isName("content-type") }) {
            fields = curl_slist_append(fields, "Content-Type:")
        }
        for (name, value) in request.headers {
            let isBlank = value.utf8.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            // A semicolon is how it sends an empty one.
            fields = curl_slist_append(fields, isBlank ? "\(name);" : "\(name): \(value)")
        }
        return fields
    }
}
