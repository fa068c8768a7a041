extension HTTPRequest {
    /// Refuses what can't be sent, or would be sent as something else than it says.
    ///
    /// - Throws: `invalidURL` or `invalidRequest`.
    func check() throws(HTTPClientError) {
        let scheme = url.utf8.prefix(8).map { $0 | 0x20 }
        guard scheme.starts(with: "http://".utf8) || scheme.starts(with: "https://".utf8) else {
            throw HTTPClientError(.invalidURL, "the address does not begin with http:// or https://")
        }
        guard url.utf8.all({ $0 > 0x20 && $0 != 0x7F }) else {
            throw HTTPClientError(.invalidURL, "the address holds spaces or control characters")
        }
        guard method.isToken, body.isEmpty || method != "HEAD" else {
            throw HTTPClientError(.invalidRequest, "the method can't be sent")
        }
        for (name, value) in headers {
            guard name.isToken, value.utf8.all({ $0.isAllowedInValue }) else {
                throw HTTPClientError(.invalidRequest, "a header field holds characters that can't be sent")
            }
            guard !name.isName("content-length"), !name.isName("transfer-encoding") else {
                throw HTTPClientError(.invalidRequest, "the body's length is not for a header field to say")
            }
        }
    }
}

extension StringProtocol {
    /// Whether it is the field name that is given in lower case.
    func isName(_ lowercased: StaticString) -> Bool {
        utf8.count == lowercased.utf8CodeUnitCount
            && lowercased.withUTF8Buffer { name in zip(utf8, name).allSatisfy { $0.lowercasedASCII == $1 } }
    }

    /// Whether it is one of RFC 9110's tokens, as methods and field names are.
    fileprivate var isToken: Bool {
        !isEmpty && utf8.all { $0.isAllowedInToken }
    }
}

extension Collection<UInt8> {
    /// Whether all bytes pass a test. A string gives them one by one, each ten times as dear as where it keeps them.
    @inline(__always)
    fileprivate func all(_ test: (UInt8) -> Bool) -> Bool {
        withContiguousStorageIfAvailable { $0.allSatisfy(test) } ?? allSatisfy(test)
    }
}

extension UInt8 {
    var lowercasedASCII: UInt8 {
        (0x41...0x5A).contains(self) ? self | 0x20 : self
    }

    fileprivate var isAllowedInToken: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true  // digits and letters
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true  // ! # $ % & ' * + - . ^ _ ` | ~
        default: false
        }
    }

    /// Controls are out, line ends above all: they would begin a field of their own. The tab is not.
    fileprivate var isAllowedInValue: Bool {
        self == 0x09 || (self >= 0x20 && self != 0x7F)
    }
}
