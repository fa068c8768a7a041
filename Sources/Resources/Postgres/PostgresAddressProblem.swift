import CPostgres
import Pipeline

/// Which part of a connection string libpq would not understand. Says nothing of its values, which may be a password, nor
/// of names that may be a piece of one.
struct PostgresAddressProblem {
    let description: String

    private static let schemes = ["postgresql://", "postgres://"]

    /// What other programs take behind the '?', and what to do here.
    private static let foreign = [
        "pgbouncer": "Stagecoach needs no setting for PgBouncer; leave it out",
        "schema": "write options=-csearch_path%3DNAME",
        "connection_limit": "take it out and set 'connections' beside 'url'",
        "pool_timeout": "take it out and set 'timeout' beside 'url'",
        "statement_cache_size": "leave it out", "prepared_statement_cache_size": "leave it out",
        "prepareThreshold": "leave it out", "statement_timeout": "write options=-cstatement_timeout%3DMILLISECONDS",
        "socket_timeout": "take it out and set 'timeout' beside 'url'", "sslaccept": "write sslmode=require",
        "search_path": "write options=-csearch_path%3DNAME", "currentSchema": "write options=-csearch_path%3DNAME",
        "command_timeout": "take it out and set 'timeout' beside 'url'", "charset": "leave it out",
        "driver": "leave it out",
        "pool_size": "take it out and set 'connections' beside 'url'",
        "max_overflow": "take it out and set 'connections' beside 'url'",
        "server_settings": "write options=-cNAME%3DVALUE",
        "uselibpqcompat": "leave it out", "supa": "leave it out",
    ]

    /// `nil` where libpq should understand it.
    init?(of text: String) {
        guard let colon = text.firstRange(of: "://"), !text[..<colon.lowerBound].contains("=") else {
            guard let problem = PostgresAddressProblem.words(text) else { return nil }
            description = problem
            return
        }
        let scheme = String(text[..<colon.upperBound])
        guard PostgresAddressProblem.schemes.contains(scheme) else {
            description = PostgresAddressProblem.scheme(scheme)
            return
        }
        guard let problem = PostgresAddressProblem.rest(text[colon.upperBound...]) else { return nil }
        description = problem
    }

    /// The part before '://', with it.
    private static func scheme(_ scheme: String) -> String {
        let name = scheme.dropLast(3)
        guard isShown(name.lowercased()) else {
            return "what stands before '://' is none of \(schemes.map { "'\($0)'" }.joined(separator: " and "))"
        }
        let lowered = name.lowercased()
        let why =
            if lowered.hasPrefix("postgres"), name.contains("+") {
                "names a driver, as SQLAlchemy has it"
            } else if lowered.hasPrefix("jdbc:") {
                "is Java's"
            } else if lowered.hasPrefix("prisma") {
                "is Prisma's own"
            } else {
                "is not PostgreSQL's"
            }
        return "'\(scheme)' \(why); write 'postgresql://'"
    }

    /// Whether it can't be a piece of a password.
    private static func isShown(_ scheme: String) -> Bool {
        let others = [
            "mysql", "mariadb", "sqlite", "file", "http", "https", "mongodb", "redis", "cockroachdb", "pgsql",
        ]
        let isName = scheme.utf8.allSatisfy { isOfAName($0) || isDigit($0) }
        return scheme.count <= 40 && isName && (others.contains(scheme) || scheme.contains("postgres"))
    }

    /// The user, password, hosts, database and parameters.
    private static func rest(_ rest: Substring) -> String? {
        if let problem = percent(rest) { return problem }
        let end = rest.firstIndex { "/?".contains($0) } ?? rest.endIndex
        let authority = rest[..<end]
        // libpq takes what is before it for host and port, and would show a piece of the password as a bad port.
        if !authority.contains("@"), rest[end...].contains("@"), !hasGoodPort(authority) {
            return "a '\(rest[end])' in the user or password must be written \(rest[end] == "/" ? "%2F" : "%3F")"
        }
        if authority.filter({ $0 == "@" }).count > 1 { return "an '@' in the user or password must be written %40" }
        guard let query = rest.firstIndex(of: "?") else { return nil }
        for parameter in rest[rest.index(after: query)...].split(separator: "&", omittingEmptySubsequences: false) {
            let parts = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = parts.first else { return "a parameter behind the '?' has no value" }
            guard !isKnown(name), parameter != "ssl=true" else { continue }
            guard name.count <= 40, name.utf8.allSatisfy(isOfAName) else {
                return "a parameter behind the '?' is not libpq's; a '?' in the password must be written %3F"
            }
            return "the parameter '\(name)' behind the '?' is not libpq's; \(foreign[String(name)] ?? "leave it out")"
        }
        return nil
    }

    private static func hasGoodPort(_ authority: Substring) -> Bool {
        guard let colon = authority.lastIndex(of: ":"), !authority.hasPrefix("[") else { return true }
        return authority[colon...].dropFirst().allSatisfy(\.isNumber)
    }

    private static func percent(_ text: Substring) -> String? {
        var rest = text.utf8[...]
        while let percent = rest.firstIndex(of: UInt8(ascii: "%")) {
            let digits = rest[rest.index(after: percent)...].prefix(2)
            let areHex = digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
            guard digits.count == 2, areHex else {
                return "a '%' that two hexadecimal digits don't follow must be written %25"
            }
            rest = rest[digits.endIndex...]
        }
        return nil
    }

    /// `host=… dbname=…`, as far as it can be told from a value with a blank in it.
    private static func words(_ text: String) -> String? {
        guard text.contains("=") else {
            return "it is neither a URL, postgresql://user:password@host/database, nor words such as host=…"
        }
        guard !text.contains("'"), !text.contains("\\") else { return nil }
        var isAfterPassword = false
        for word in text.split(whereSeparator: \.isWhitespace) {
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
                return "a value with a blank must stand in single quotes, and no blank around '='"
            }
            let name = word[..<equals]
            isAfterPassword = isAfterPassword || name.hasSuffix("password")
            guard !isKnown(name) else { continue }
            guard !isAfterPassword, name.count <= 40, name.utf8.allSatisfy(isOfAName) else {
                return "a value with a blank or '=' must stand in single quotes"
            }
            return "the word '\(name)' is not libpq's"
        }
        return nil
    }

    /// A name that no password would be taken for.
    private static func isOfAName(_ byte: UInt8) -> Bool {
        let character = Character(Unicode.Scalar(byte))
        return byte < 0x80 && (character.isLetter || "_+:.-".contains(character))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isKnown(_ name: Substring) -> Bool { known.contains(String(name)) }

    /// libpq's own parameters.
    private static let known: Set<String> = {
        guard let options = PQconndefaults() else { return [] }
        defer { PQconninfoFree(options) }
        var names: Set<String> = []
        var option = options
        while let keyword = option.pointee.keyword {
            names.insert(String(cString: keyword))
            option += 1
        }
        return names
    }()
}
