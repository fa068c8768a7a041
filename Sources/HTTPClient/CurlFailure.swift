import CCurl
import Glibc

/// libcurl's codes as errors of this client.
enum CurlFailure {
    static func error(
        of code: CURLcode, _ handle: UnsafeMutableRawPointer, _ deadlines: HTTPDeadlines
    ) -> HTTPClientError {
        // The other deadlines are kept by `CurlCalls`.
        if code == CURLE_OPERATION_TIMEDOUT { return .timeout(.connect, of: deadlines) }
        let kind = kind(of: code)
        let words = String(cString: curl_easy_strerror(code))
        guard kind == .connectFailed, let cause = systemError(handle) else { return HTTPClientError(kind, words) }
        return HTTPClientError(kind, "\(words) (\(cause))")
    }

    private static func systemError(_ handle: UnsafeMutableRawPointer) -> String? {
        var number = 0
        guard curl_get_long(handle, CURLINFO_OS_ERRNO, &number) == CURLE_OK, number != 0 else { return nil }
        return String(cString: strerror(Int32(clamping: number)))
    }

    private static func kind(of code: CURLcode) -> HTTPClientError.Code {
        switch code {
        case CURLE_URL_MALFORMAT: .invalidURL
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .nameNotResolved
        case CURLE_COULDNT_CONNECT, CURLE_PROXY: .connectFailed
        case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2,
            CURLE_HTTP2_STREAM:
            .closedEarly
        // The scheme is checked before libcurl sees it; what it has left to refuse as a protocol is HTTP/0.9.
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .invalidResponse
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            .tlsFailed
        default: .other
        }
    }
}
