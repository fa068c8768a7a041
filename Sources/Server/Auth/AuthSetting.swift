import Pipeline

/// Authentication: `auth:` of the `host:` section.
enum AuthSetting: SettingValue {
    /// Anybody who reaches the host.
    case none
    /// Who has one of the keys, or a token that is signed as it should be.
    case required(Credentials)

    /// What `auth:` holds where it is a mapping.
    struct Credentials: SettingGroup {
        @Setting("API keys: each a secret, or {key: SECRET, user: NAME}.") var keys: [APIKey] = []
        @Setting("JSON Web Tokens: who signs them, and what they must say.") var jwt: JWTSettings?
    }

    var credentials: Credentials? {
        if case .required(let credentials) = self { credentials } else { nil }
    }

    /// The files that hold keys of tokens.
    var keyFiles: [String] { credentials?.jwt?.keyFiles.map(\.text) ?? [] }

    static var settingType: SettingType { .either([.choice(["none"]), Credentials.settingType]) }

    static func read(_ node: Node, with reader: inout SettingReader) -> AuthSetting? {
        if node.scalar?.text == "none" { return AuthSetting.none }
        guard node.entries?.isEmpty == false else {
            reader.wrongType(
                node, expected: .other("mapping such as {keys: […]} or {jwt: {…}}, or none"), hint: nil, isSecret: true)
            return nil
        }
        guard let credentials = Credentials.read(node, with: &reader) else { return nil }
        guard !credentials.keys.isEmpty || credentials.jwt != nil else {
            reader.diagnostics.error(.badValue, at: node.range, "\(reader.subject) lets nobody in: it has no key")
            return nil
        }
        for (index, key) in (node["keys"]?.elements ?? []).enumerated() where key["key"] == nil {
            reader.diagnostics.warning(
                .unnamedKey, at: key.range,
                "a key without a name has the user 'key-' and 12 digits made of the key; it was 'key-\(index + 1)', by its "
                    + "position, and {key: …, user: key-\(index + 1)} keeps the rows of before")
        }
        for (index, key) in credentials.keys.enumerated() {
            let earlier = credentials.keys.prefix(index).first { $0.key.revealed == key.key.revealed }
            if let earlier, earlier.user != key.user {
                reader.diagnostics.warning(
                    .badValue, at: node["keys"]?.elements?[index].range ?? node.range,
                    "this key is given twice: whoever shows it is \(earlier.user.map { "'\($0)'" } ?? "the first"); "
                        + "each user needs a key of their own", hidesLines: true)
            }
        }
        if let jwt = credentials.jwt, jwt.hasProblem(at: node["jwt"] ?? node, with: &reader) { return nil }
        return .required(credentials)
    }

    var settingText: String? { credentials == nil ? "none" : nil }
}

/// One key, and who has it.
struct APIKey: SettingValue {
    let key: Secret
    let user: String?
    /// Whether the console is shown to who has it.
    let isOperator: Bool

    init(key: Secret, user: String?, isOperator: Bool = false) {
        (self.key, self.user, self.isOperator) = (key, user, isOperator)
    }

    private struct Named: SettingGroup {
        @Setting("The key.") var key: Secret
        @Setting("Who has it.") var user: String
    }

    /// An operator need not be a user with a name.
    private struct Operator: SettingGroup {
        @Setting("The key.") var key: Secret
        @Setting("Who has it.") var user: String?
        @Setting("Whether it shows the console ('console: auth').") var `operator`: Bool
    }

    static var settingType: SettingType { .either([.secret, Named.settingType, Operator.settingType]) }

    static func read(_ node: Node, with reader: inout SettingReader) -> APIKey? {
        let isNamed = node.entries != nil && node.secretFile == nil
        if isNamed, let cure = cure(for: node) {
            reader.diagnostics.error(
                .wrongType, at: node.range,
                "\(reader.subject) is a secret, or {file: PATH}, or {key, user}; write \(cure)",
                hidesLines: node.isWritten)
            return nil
        }
        let read: APIKey?
        if node["operator"] != nil {
            read = Operator.read(node, with: &reader).map {
                APIKey(key: $0.key, user: $0.user, isOperator: $0.operator)
            }
        } else if isNamed {
            read = Named.read(node, with: &reader).map { APIKey(key: $0.key, user: $0.user) }
        } else {
            read = Secret.read(node, with: &reader).map { APIKey(key: $0, user: nil) }
        }
        guard let read else { return nil }
        let key = read.key
        guard !key.isEmpty else {
            reader.diagnostics.error(
                .badValue, at: node.range, "\(reader.subject) must not be empty: anybody could come in")
            return nil
        }
        if let user = read.user, !UserName.isValid(user) {
            reader.diagnostics.error(
                .badValue, at: node.range, "'user' of \(reader.subject) must have \(UserName.rule)")
            return nil
        }
        return read
    }
}

extension APIKey {
    /// How to write a mapping in which the key, or who has it, has another name: one mistake.
    private static func cure(for node: Node) -> String? {
        let names = Set((node.entries ?? []).compactMap(\.key.scalar?.text))
        // What stands there may be the key itself, and is not shown.
        if names.count == 1, names.isDisjoint(with: ["key", "user"]) { return "{key: …, user: …}" }
        if names == ["file", "user"] { return "{key: {file: …}, user: …}" }
        let others: Set = ["name", "username", "id", "owner", "client"]
        return names.count == 2 && names.contains("key") && !names.isDisjoint(with: others) ? "{key: …, user: …}" : nil
    }
}

/// Which JSON Web Tokens let somebody in.
struct JWTSettings: SettingGroup {
    @Setting("The secret of HS256, HS384 and HS512.") var secret: Secret?
    @Setting("A PEM file with the public key, or the certificate, of who signs the tokens.") var publicKey: FilePath?
    @Setting("A JSON Web Key Set: a file, or the https address at which the issuer has it (http on loopback alone).")
    var jwks: KeySetLocation?
    @Setting("What 'iss' must be.") var issuer: String?
    @Setting("What 'aud' must be, or hold.") var audience: String?
    @Setting("The claim that becomes the username.") var usernameClaim = "name"

    /// The files that hold keys.
    var keyFiles: [FilePath] {
        if case .file(let file) = jwks { [file] } else { [publicKey].compactMap(\.self) }
    }

    /// Reports what the settings lack or say twice; `node` is where they stand.
    func hasProblem(at node: Node, with reader: inout SettingReader) -> Bool {
        guard [secret != nil, publicKey != nil, jwks != nil].count(where: { $0 }) == 1 else {
            reader.diagnostics.error(
                .badValue, at: node.range,
                "'jwt' of \(reader.subject) needs exactly one of 'secret', 'public_key' and 'jwks'")
            return true
        }
        let place = node["secret"]?.range ?? node.range
        let hidesLines = node["secret"]?.isWritten ?? false
        if let problem = secret?.keyProblem {
            reader.diagnostics.error(.badValue, at: place, "'secret' \(problem)", hidesLines: hidesLines)
            return true
        }
        guard let secret, secret.revealed.utf8.count < 32 else { return false }
        if secret.isEmpty {
            reader.diagnostics.error(.badValue, at: place, "'secret' must not be empty: anybody could sign a token")
        } else {
            reader.diagnostics.warning(
                .badValue, at: place, "'secret' is shorter than the 32 bytes that HS256 asks for, and can be guessed",
                hidesLines: hidesLines)
        }
        return secret.isEmpty
    }
}

extension Secret {
    /// Why it can be no secret of HMAC: everybody knows a public key, and could sign with it.
    fileprivate var keyProblem: String? {
        let text = revealed
        guard text.contains("-----BEGIN ") else { return nil }
        if text.contains("PRIVATE KEY-----") {
            return "is a private key, which the host must not have; write the file of its public key in 'public_key'"
        }
        guard text.contains("PUBLIC KEY-----") || text.contains("CERTIFICATE-----") else { return nil }
        return "is a public key, with which anybody could sign; write the file that has it in 'public_key'"
    }
}
