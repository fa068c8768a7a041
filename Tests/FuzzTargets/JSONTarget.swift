import Foundation
import Server
import Pipeline
import Resources

/// A client's frame in JSON format: it is a prompt, a cancel, or refused with a reason; and any JSON value is what
/// Foundation takes it for, and comes back from its own text as it was.
enum JSONTarget {
    static func run(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        do throws(ClientFrame.Refusal) {
            _ = try ClientFrame.read(text)
        } catch {
            precondition(!error.error.message.isEmpty, "refused without a reason")
        }
        _ = PresentedToken.find(in: text)
        _ = try? ChatResponse.completion(from: bytes)
        let value = JSONValue(json: text)
        let foundation = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        guard let value else {
            return precondition(foundation == nil || hasHugeNumber(text), "\(text) is JSON to Foundation")
        }
        precondition(foundation.map { isSame(value, $0) } ?? false, "\(text) is \(value), and not so to Foundation")
        let isPassedOver: Void? = try? JSONReader.read(Array(text.utf8)) { (reader) throws(JSONReader.Problem) in
            try reader.skip()
        }
        precondition(isPassedOver != nil, "\(value) can be read, but not passed over")
        precondition(JSONValue(json: value.json) == value, "\(value) came back as \(value.json)")
    }

    /// Of the values of a key that comes twice Foundation reads one alone, and does not see that another is no number.
    private static func hasHugeNumber(_ text: String) -> Bool {
        text.contains(/[eE]\+?0*[1-9][0-9]{2}|[0-9]{300}/)
    }

    /// Foundation takes more large numbers with a fraction or an exponent for whole ones.
    private static func isSame(_ value: JSONValue, _ other: JSONValue) -> Bool {
        switch (value, other) {
        case (.double(let one), .int(let two)): one == Double(two)
        case (.array(let ones), .array(let twos)): ones.count == twos.count && zip(ones, twos).allSatisfy(isSame)
        case (.object(let ones), .object(let twos)):
            ones.count == twos.count
                && ones.allSatisfy { key, one in twos[key].map { isSame(one, $0) } ?? false }
        default: value == other
        }
    }
}
