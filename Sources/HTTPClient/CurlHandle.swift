import CCurl

/// A libcurl easy handle made ready for one transfer. Used on the client's thread alone.
final class CurlHandle {
    let pointer: UnsafeMutableRawPointer
    private let transfer: Transfer
    private var headers: UnsafeMutablePointer<curl_slist>?

    /// `nil` where libcurl has no memory left.
    init?(_ transfer: Transfer) {
        guard let pointer = curl_easy_init() else { return nil }
        self.pointer = pointer
        self.transfer = transfer
        setUp()
    }

    deinit {
        curl_easy_cleanup(pointer)
        curl_slist_free_all(headers)
    }

    private func setUp() {
        let request = transfer.request
        // Unretained: the worker keeps this handle, and with it the transfer, for as long as libcurl knows of it.
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        curl_set_long(pointer, CURLOPT_NOSIGNAL, 1)
        curl_set_string(pointer, CURLOPT_PROTOCOLS_STR, "http,https")
        curl_set_string(pointer, CURLOPT_URL, request.url)
        curl_set_long(pointer, CURLOPT_FOLLOWLOCATION, 0)
        curl_set_long(pointer, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        curl_set_string(pointer, CURLOPT_ACCEPT_ENCODING, "")
        setMethod(request)
        setHeaders(request)
        curl_set_long(pointer, CURLOPT_CONNECTTIMEOUT_MS, request.deadlines.connect.milliseconds)
        curl_set_long(pointer, CURLOPT_TIMEOUT_MS, request.deadlines.total.milliseconds)
        curl_set_callback(pointer, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            transfer.takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        curl_set_pointer(pointer, CURLOPT_HEADERDATA, context)
        curl_set_callback(pointer, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return transfer.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        curl_set_pointer(pointer, CURLOPT_WRITEDATA, context)
    }

    private func setMethod(_ request: HTTPRequest) {
        if !request.body.isEmpty {
            curl_set_long(pointer, CURLOPT_POST, 1)
            curl_set_offset(pointer, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
            request.body.withUnsafeBytes { _ = curl_set_pointer(pointer, CURLOPT_COPYPOSTFIELDS, $0.baseAddress) }
        }
        switch (request.method, request.body.isEmpty) {
        case ("GET", true), ("POST", false): break
        case ("HEAD", true): curl_set_long(pointer, CURLOPT_NOBODY, 1)
        default: curl_set_string(pointer, CURLOPT_CUSTOMREQUEST, request.method)
        }
    }

    private func setHeaders(_ request: HTTPRequest) {
        for (name, value) in request.headers {
            // To libcurl a name with a colon and nothing after it is a header to leave out; a semicolon sends it empty.
            headers = curl_slist_append(headers, value.isEmpty ? "\(name);" : "\(name): \(value)")
        }
        // libcurl would wait a second for a 100 that few servers send.
        headers = curl_slist_append(headers, "Expect:")
        curl_set_pointer(pointer, CURLOPT_HTTPHEADER, headers)
    }
}

extension Duration {
    fileprivate var milliseconds: Int {
        max(1, Int(components.seconds) * 1_000 + Int(components.attoseconds / 1_000_000_000_000_000))
    }
}
