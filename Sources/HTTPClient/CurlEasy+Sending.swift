import CCurl

/// What a call takes to be sent, and gives back when that is done: calls are sent within milliseconds, and then wait for
/// seconds.
extension CurlEasy {
    /// Frees the buffers, where the request has been sent.
    func freeSendBuffers() {
        guard hasSent else { return }
        hasSendBuffers = false
        options.freeSendBuffer(of: pointer)
        OpenSSL.freeBuffers(of: pointer)
    }

    /// Lets go of the body and its copy, where it has been sent. Not before the response has begun: until then libcurl sends
    /// a call again whose kept connection turns out to be closed.
    ///
    /// The host's tickets have been read by then, too. Where it is far away they come after the other buffers were freed.
    func forgetBody(of call: Call) {
        guard hasSent else { return }
        if call.isEncrypted { OpenSSL.freeBuffers(of: pointer) }
        guard bodySize > 0 else { return }
        options.forgetBody(of: pointer)
        call.forgetRequestBody()
    }

    /// As far as libcurl tells: how much of the body was.
    private var hasSent: Bool {
        var sent: curl_off_t = 0
        curl_get_offset(pointer, CURLINFO_SIZE_UPLOAD_T, &sent)
        return Int(sent) >= bodySize
    }
}
