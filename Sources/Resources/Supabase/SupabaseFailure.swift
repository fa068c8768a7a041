import FoundationEssentials
import HTTPClient
import Pipeline

/// Why a call of the REST API did not do what it should.
///
/// The body of PostgREST's errors is `{"code", "details", "hint", "message"}`, where the code is PostgreSQL's SQLSTATE or
/// PostgREST's own: https://docs.postgrest.org/en/stable/references/errors.html
struct SupabaseFailure: Error, Equatable {
    private struct Body: Decodable {
        let code: String?
        let details: String?
        let message: String?
    }

    /// The response's status; 0 where there was none.
    let status: Int
    /// SQLSTATE or PostgREST's code; empty where there is none.
    let code: String
    /// What the log may say.
    let said: String
    /// Whether a value of the column `id` is there already.
    private(set) var isKnownID = false
    /// Whether the time for it passed without an answer.
    private(set) var isSilence = false

    init(said: String, code: String = "") {
        status = 0
        self.code = code
        self.said = said
    }

    init(_ error: HTTPClientError) {
        self.init(said: error.description)
        isSilence = error.code == .timeout
    }

    /// What is said of rows whose time was over before the last of several calls was answered.
    static var late: SupabaseFailure {
        var failure = SupabaseFailure(said: "the API did not answer in time")
        failure.isSilence = true
        return failure
    }

    /// - Parameter key: Taken out of what is kept, as some gateways repeat it.
    init(status: Int, body: [UInt8], hiding key: Secret) {
        let body = try? JSONDecoder().decode(Body.self, from: Data(body))
        self.status = status
        code = body?.code ?? ""
        let message = body?.message.map { Redaction([key])($0).prefix(300) }
        said = "status \(status)" + (message.map { ": \($0)" } ?? "")
        isKnownID = code == "23505" && body?.details?.hasPrefix("Key (id)=") == true
    }

    /// A row that can't be sent.
    static func badRow(_ text: String) -> SupabaseFailure { SupabaseFailure(said: text, code: "22000") }

    private var stateClass: String { code.utf8.count == 5 ? String(code.prefix(2)) : "" }

    /// Whether the rows are at fault: a value that can't be stored, a broken constraint, an error that a trigger raised, or
    /// a row that is too large for the gateway. Anything else is no fault of theirs.
    var isOfTheRows: Bool {
        ["22", "23", "54", "P0"].contains(stateClass) || code == "PGRST102" || status == 413
    }

    /// Whether another try at once may well succeed: two transactions were in each other's way.
    var isPassing: Bool { stateClass == "40" }

    /// Whether the table is not there: 42P01 from PostgreSQL, PGRST205 from PostgREST, which knows the tables by heart.
    var isOfAMissingTable: Bool { code == "42P01" || code == "PGRST205" }

    /// Whether a column is not there.
    var isOfAMissingColumn: Bool { code == "42703" || code == "PGRST204" }

    /// Whether the table is not as it was.
    var isOfTheTable: Bool { isOfAMissingTable || isOfAMissingColumn || code == "42P10" }

    /// Whether nothing is heard of the database, rather than that it refuses something.
    var isOutage: Bool { status == 0 || status >= 500 || stateClass == "08" }

    /// What happened and what to do about it.
    func detail(for table: String) -> String {
        let editor = "run the SQL of 'stagecoach migrate PIPELINE --print' in the project's SQL editor"
        return switch code {
        case _ where isOfAMissingTable: "the table '\(table)' does not exist; \(editor)"
        case _ where isOfAMissingColumn: "a column is missing (\(said)); 'stagecoach check --live PIPELINE' says which"
        case "42P10": "the table '\(table)' has no key on 'id': ALTER TABLE \(table) ADD PRIMARY KEY (id);"
        case "42501":
            "the key may not use the table '\(table)' (\(said)); take the project's service_role key, or allow it to "
                + "select and insert by policies"
        case _ where status == 401 || status == 403:
            "the key was refused (\(said)); take the anon or service_role key of the project's API settings"
        default: said
        }
    }

    /// As stages see it.
    func error(for table: String) -> PipelineError {
        isOfTheRows
            ? PipelineError(.stageFailed, "The message could not be stored", detail: said)
            : .databaseUnavailable(detail(for: table))
    }
}
