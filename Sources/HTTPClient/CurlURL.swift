import CCurl

/// An address that libcurl has read, for all its calls: one that it is given as text it reads, and writes down again, for each.
final class CurlURL {
    let text: String
    let pointer: OpaquePointer

    /// - Returns: `nil` for an address that is to be read for each call: what is wrong with it is the call's error, and
    ///   libcurl 7.88 loses the zone of an IPv6 address on the way.
    init?(_ text: String) {
        guard !text.utf8.contains(UInt8(ascii: "[")), let pointer = curl_url() else { return nil }
        (self.text, self.pointer) = (text, pointer)
        // As libcurl reads it for a call.
        let flags = UInt32(CURLU_NON_SUPPORT_SCHEME)
        guard curl_url_set(pointer, CURLUPART_URL, text, flags) == CURLUE_OK else { return nil }
    }

    deinit { curl_url_cleanup(pointer) }
}

/// The address that was called last, which all handles of a thread share.
final class LastURL {
    private var last: CurlURL?

    func read(_ text: String) -> CurlURL? {
        if last?.text != text { last = CurlURL(text) }
        return last
    }
}
