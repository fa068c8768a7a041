import CCurl
import Synchronization

/// The transfers that a multi handle runs. Used on the client's thread alone.
struct CurlTransfers {
    private let multi: UnsafeMutableRawPointer
    private var running: [UnsafeMutableRawPointer: (handle: CurlHandle, transfer: Transfer)] = [:]
    private var handles: [ObjectIdentifier: UnsafeMutableRawPointer] = [:]
    private var nextCheck = ContinuousClock.now

    init(multi: UnsafeMutableRawPointer) {
        self.multi = multi
    }

    /// How long the thread may sleep, in milliseconds, if nothing happens on its sockets.
    var patience: Int32 { running.isEmpty ? 60_000 : 50 }

    mutating func obey(_ command: CurlWorker.Command) {
        switch command {
        case .start(let transfer): start(transfer)
        case .cancel(let transfer): finish(transfer, HTTPClientError(.cancelled, "the call was cancelled"))
        case .resume(let transfer):
            if let pointer = handles[ObjectIdentifier(transfer)] { curl_easy_pause(pointer, CURLPAUSE_CONT) }
        }
    }

    private mutating func start(_ transfer: Transfer) {
        guard !transfer.state.withLock(\.isOver) else { return }
        guard let handle = CurlHandle(transfer), curl_multi_add_handle(multi, handle.pointer) == CURLM_OK else {
            transfer.end(HTTPClientError(.other, "there is no memory for another call"))
            return
        }
        running[handle.pointer] = (handle, transfer)
        handles[ObjectIdentifier(transfer)] = handle.pointer
    }

    /// Moves every transfer on as far as its socket lets it, and ends those that are done or late.
    mutating func advance() {
        var count: Int32 = 0
        curl_multi_perform(multi, &count)
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let pointer = message.pointee.easy_handle else { continue }
            let code = message.pointee.data.result
            if let transfer = running[pointer]?.transfer { finish(transfer, CurlFailure.error(of: code)) }
        }
        let now = ContinuousClock.now
        guard now >= nextCheck else { return }
        nextCheck = now + .milliseconds(25)
        for (_, transfer) in running.values {
            if let deadline = transfer.deadline(), deadline.at <= now { finish(transfer, deadline.error) }
        }
    }

    mutating func endAll(_ error: HTTPClientError) {
        for (_, transfer) in running.values { finish(transfer, error) }
    }

    /// Takes a transfer from libcurl, which closes its connection unless it is done, and tells its receiver.
    private mutating func finish(_ transfer: Transfer, _ error: HTTPClientError?) {
        if let pointer = handles.removeValue(forKey: ObjectIdentifier(transfer)) {
            curl_multi_remove_handle(multi, pointer)
            running[pointer] = nil
        }
        transfer.end(error)
    }
}

/// libcurl's codes as errors of this client.
enum CurlFailure {
    static func error(of code: CURLcode) -> HTTPClientError? {
        guard code != CURLE_OK else { return nil }
        return HTTPClientError(kind(of: code), String(cString: curl_easy_strerror(code)))
    }

    private static func kind(of code: CURLcode) -> HTTPClientError.Code {
        switch code {
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalidRequest
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .nameNotResolved
        case CURLE_COULDNT_CONNECT: .connectFailed
        case CURLE_OPERATION_TIMEDOUT: .timeout
        case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2,
            CURLE_HTTP2_STREAM, CURLE_WEIRD_SERVER_REPLY:
            .closedEarly
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            .tlsFailed
        default: .other
        }
    }
}
