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
        precondition(again == value, "\(value) came back as \(String(describing: again))")
    }
}
