import Foundation
import HTTPClient
import Pipeline
import Testing

@testable import Resources

@Suite("What Supabase's refusals mean")
struct SupabaseFailureTests {
    private static let postgrest = #"{"code":"CODE","details":null,"hint":null,"message":"said"}"#

    @Test(
        "a status and a code become an error with what to do",
        arguments: [
            (401, #"{"message":"Invalid API key"}"#, "the anon or service_role key"),
            (403, "42501", "by policies"),
            (404, "42P01", "SQL editor"),
            (404, "PGRST205", "SQL editor"),
            (400, "42703", "check --live"),
            (400, "PGRST204", "check --live"),
            (400, "42P10", "ADD PRIMARY KEY"),
            (500, "<html>", "status 500"),
            (503, "PGRST000", "status 503: said"),
            (429, "{}", "status 429"),
            (500, "40001", "status 500: said"),
        ])
    func outages(_ status: Int, _ code: String, _ text: String) {
        let failure = failure(status, code)
        #expect(!failure.isOfTheRows)
        #expect(failure.error(for: "requests").isOutage)
        #expect(failure.detail(for: "requests").contains(text))
    }

    @Test(
        "what is wrong with a row is its own fault",
        arguments: [(400, "22P02"), (409, "23505"), (409, "23503"), (400, "PGRST102"), (413, "<html>"), (400, "P0001")])
    func rows(_ status: Int, _ code: String) {
        let failure = failure(status, code)
        #expect(failure.isOfTheRows)
        #expect(failure.error(for: "requests").message == "The message could not be stored")
        #expect(!failure.isKnownID)
    }

    @Test("an id that is there already is told from another column's conflict")
    func knownID() {
        func body(_ column: String) -> String {
            #"{"code":"23505","details":"Key (\#(column))=(x) already exists.","hint":null,"message":"duplicate"}"#
        }
        #expect(failure(409, body("id")).isKnownID)
        #expect(!failure(409, body("user_id")).isKnownID)
    }

    @Test("a key that a gateway repeats is not kept")
    func secret() {
        let failure = failure(401, #"{"message":"No such key: s3cret-key"}"#)
        #expect(failure.said == "status 401: No such key: <secret>")
    }

    @Test(
        "PostgreSQL names a column's type",
        arguments: [
            (#"invalid input syntax for type timestamp with time zone: "~""#, "timestamp with time zone"),
            (#"invalid input syntax for type json"#, "jsonb"), ("operator does not exist: json = unknown", "json"),
            (#"invalid input syntax for type integer: "~""#, "integer"),
            (#"invalid input syntax for type timestamp: "~""#, "timestamp without time zone"),
        ])
    func types(_ message: String, _ type: String) {
        #expect(SupabaseTable.type(in: message) == type)
    }

    private func failure(_ status: Int, _ code: String) -> SupabaseFailure {
        let isBody = code.hasPrefix("{") || code.hasPrefix("<")
        let body = isBody ? code : Self.postgrest.replacingOccurrences(of: "CODE", with: code)
        return SupabaseFailure(status: status, body: Array(body.utf8), hiding: Secret("s3cret-key"))
    }
}
