import Foundation
import HTTPClient
import Pipeline
import Testing

@testable import Stages

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
        ])
    func types(_ message: String, _ type: String) {
        #expect(SupabaseTable.type(in: message) == type)
    }

    @Test(
        "times as PostgreSQL writes them in JSON",
        arguments: [
            ("1970-01-01T00:00:01+00:00", 1_000_000), ("1970-01-01T00:00:00.1+00:00", 100_000),
            ("1970-01-01T00:00:00.000001Z", 1), ("1970-01-01T02:30:00+02:30", 0),
            ("1969-12-31 19:00:00.5-05", 500_000),
        ])
    func times(_ text: String, _ microseconds: Int64) {
        #expect(Timestamp(rfc3339: text) == Timestamp(microseconds: microseconds))
    }

    @Test(
        "what is no time is none",
        arguments: [
            "", "infinity", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00:00.1234567Z", "T+",
            "1970-01-01T0:0:0+x",
        ])
    func noTimes(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    private func failure(_ status: Int, _ code: String) -> SupabaseFailure {
        let isBody = code.hasPrefix("{") || code.hasPrefix("<")
        let body = isBody ? code : Self.postgrest.replacingOccurrences(of: "CODE", with: code)
        return SupabaseFailure(status: status, body: Array(body.utf8), hiding: Secret("s3cret-key"))
    }
}
