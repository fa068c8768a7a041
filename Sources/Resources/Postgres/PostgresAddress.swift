import CPostgres
import Glibc
import Pipeline

/// A connection string or URL, and the secrets in it that no log may show.
struct PostgresAddress: Sendable {
    /// As libpq takes it; `nil` where there is none that it could read.
    let text: String?
    /// Why there is none. Says nothing of the text, which may hold a password anywhere.
    let problem: String
    private let secrets: [String]

    init(_ url: Secret) {
        let text = url.revealed.trimmed
        guard !text.isEmpty else {
            self.init(nil, problem: "the setting 'url' of the resource 'postgres' is empty; give a connection string")
            return
        }
        let part = PostgresAddressProblem(of: text)?.description
        guard part == nil, let options = PQconninfoParse(text, nil) else {
            let what = part ?? "libpq does not understand it"
            self.init(
                nil,
                problem: "the setting 'url' of the resource 'postgres' is no PostgreSQL connection string: \(what)")
            return
        }
        defer { PQconninfoFree(options) }
        var secrets: [String] = []
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val, ["password", "sslpassword"].contains(String(cString: keyword)) {
                secrets.append(String(cString: value))
            }
            option += 1
        }
        self.init(text, problem: "", secrets: secrets.filter { !$0.isEmpty })
    }

    private init(_ text: String?, problem: String, secrets: [String] = []) {
        self.text = text
        self.problem = problem
        self.secrets = secrets
    }

    /// A text of libpq or the server in one line, without the secrets.
    func redacted(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).map(\.trimmed).joined(separator: "; ")
        return secrets.reduce(line) { line, secret in
            // By scalars: an accent behind a secret hides nothing of it.
            String(line.unicodeScalars.replacing(secret.unicodeScalars, with: "***".unicodeScalars))
        }
    }
}

extension StringProtocol {
    /// Without blanks and line ends around it, as files and shells leave them.
    var trimmed: String {
        let blanks: Set<Unicode.Scalar> = [" ", "\t", "\n", "\r"]
        let scalars = unicodeScalars
        guard let start = scalars.firstIndex(where: { !blanks.contains($0) }),
            let end = scalars.lastIndex(where: { !blanks.contains($0) })
        else { return "" }
        return String(String.UnicodeScalarView(scalars[start...end]))
    }
}
