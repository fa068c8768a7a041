/// One of the extensions that a handshake offers (RFC 6455 section 9.1): a name and parameters, in the client's order.
struct ExtensionOffer: Equatable {
    struct Parameter: Equatable {
        let name: String
        /// `nil` where there is no `=`.
        let value: String?
    }

    let name: String
    let parameters: [Parameter]

    /// Reads what stands in `Sec-WebSocket-Extensions`; `nil` where that breaks the grammar.
    static func list(_ header: String) -> [ExtensionOffer]? {
        var scanner = Scanner(header)
        var offers: [ExtensionOffer] = []
        repeat {
            // Header fields that are joined may leave empty elements (RFC 9110 section 5.6.1).
            if scanner.isAtEnd || scanner.isNext(",") { continue }
            guard let name = scanner.token() else { return nil }
            var parameters: [Parameter] = []
            while scanner.skip(";") {
                guard let name = scanner.token() else { return nil }
                guard scanner.skip("=") else {
                    parameters.append(Parameter(name: name, value: nil))
                    continue
                }
                guard let value = scanner.isNext("\"") ? scanner.quotedToken() : scanner.token() else { return nil }
                parameters.append(Parameter(name: name, value: value))
            }
            offers.append(ExtensionOffer(name: name, parameters: parameters))
        } while scanner.skip(",")
        return scanner.isAtEnd && !offers.isEmpty ? offers : nil
    }

    private struct Scanner {
        private var rest: Substring.UTF8View

        init(_ text: String) {
            rest = text[...].utf8
        }

        var isAtEnd: Bool {
            mutating get {
                skipSpace()
                return rest.isEmpty
            }
        }

        mutating func isNext(_ sign: Unicode.Scalar) -> Bool {
            skipSpace()
            return rest.first == UInt8(ascii: sign)
        }

        mutating func skip(_ sign: Unicode.Scalar) -> Bool {
            guard isNext(sign) else { return false }
            rest.removeFirst()
            return true
        }

        mutating func token() -> String? {
            skipSpace()
            let token = rest.prefix(while: Self.isTokenByte)
            rest = rest[token.endIndex...]
            return token.isEmpty ? nil : String(Substring(token))
        }

        /// What the quotes hold must be a token as well, so that a backslash in them has nothing to escape.
        mutating func quotedToken() -> String? {
            guard skip("\""), let first = rest.first, Self.isTokenByte(first), let token = token() else { return nil }
            guard rest.first == UInt8(ascii: "\"") else { return nil }
            rest.removeFirst()
            return token
        }

        private mutating func skipSpace() {
            rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        }

        private static func isTokenByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
    }
}
