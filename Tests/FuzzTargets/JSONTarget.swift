import Foundation
import Host
import Pipeline

/// A client's frame in JSON format: it is a prompt, a cancel, or refused with a reason; and any JSON value comes back
/// from its own text as it was.
enum JSONTarget {
    static func run(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        do throws(ClientFrame.Refusal) {
            _ = try ClientFrame.read(text)
        } catch {
            precondition(!error.error.message.isEmpty, "refused without a reason")
        }
        _ = PresentedToken.find(in: text)
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)),
            let data = try? JSONEncoder().encode(value)
        else { return }
        let again = try? JSONDecoder().decode(JSONValue.self, from: data)
        precondition(again.map { isSame(value, $0) } ?? false, "\(value) came back as \(String(describing: again))")
    }

    /// A number that 64 bits round to a whole one is written as that.
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
