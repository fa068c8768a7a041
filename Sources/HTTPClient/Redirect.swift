import CCurl

/// Where a redirect leads and what may be taken there.
///
/// libcurl never follows one by itself. The request that is made here is all that is sent, so a header that is not
/// in it reaches nobody.
enum Redirect {
    /// The next request; `nil` where the response is no redirect, or one that is not followed.
    static func next(after request: HTTPRequest, _ response: HTTPResponse) -> HTTPRequest? {
        guard [301, 302, 303, 307, 308].contains(response.status), let location = response.headers["location"],
            let target = Address(location, from: request.url), let source = Address(request.url, from: nil)
        else { return nil }
        var next = request
        next.url = target.url
        next.redirectLimit -= 1
        let becomesGet = response.status == 303 ? request.method != "HEAD" : isOldPost(request, response.status)
        if becomesGet {
            next.method = "GET"
            next.body = []
            next.headers.removeAll { $0.name.isName("content-type") }
        }
        if target.origin != source.origin {
            guard !request.staysAtOrigin, next.body.isEmpty else { return nil }
            next.headers.removeAll { !isHarmless($0.name) }
        }
        return next
    }

    /// After a 301 or 302 a POST becomes a GET: every browser does it, and RFC 9110 has allowed for it.
    private static func isOldPost(_ request: HTTPRequest, _ status: Int) -> Bool {
        (status == 301 || status == 302) && request.method == "POST"
    }

    /// A list of what may pass, as keys come under names that nobody can list.
    private static func isHarmless(_ name: String) -> Bool {
        name.isName("accept") || name.isName("accept-language") || name.isName("content-type")
            || name.isName("user-agent")
    }

    /// An address in libcurl's own reading, so that what is compared here is what is called later.
    private struct Address {
        struct Origin: Equatable {
            let scheme: String
            let host: String
            let port: String
        }

        let url: String
        let origin: Origin

        init?(_ url: String, from base: String?) {
            guard let handle = curl_url() else { return nil }
            defer { curl_url_cleanup(handle) }
            if let base, curl_url_set(handle, CURLUPART_URL, base, 0) != CURLUE_OK { return nil }
            guard curl_url_set(handle, CURLUPART_URL, url, UInt32(CURLU_URLENCODE)) == CURLUE_OK,
                let whole = Self.part(CURLUPART_URL, of: handle), let scheme = Self.part(CURLUPART_SCHEME, of: handle),
                let host = Self.part(CURLUPART_HOST, of: handle),
                let port = Self.part(CURLUPART_PORT, of: handle, CURLU_DEFAULT_PORT)
            else { return nil }
            guard scheme == "http" || scheme == "https" else { return nil }
            self.url = whole
            origin = Origin(scheme: scheme, host: host.lowercased(), port: port)
        }

        private static func part(_ part: CURLUPart, of handle: OpaquePointer, _ flags: Int32 = 0) -> String? {
            var value: UnsafeMutablePointer<CChar>?
            guard curl_url_get(handle, part, &value, UInt32(flags)) == CURLUE_OK, let value else { return nil }
            defer { curl_free(value) }
            return String(cString: value)
        }
    }
}
