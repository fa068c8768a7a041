import NIOHTTP1
import Pipeline

/// The console at `/console`, which asks for everything that it shows: nothing of the host is in it.
extension HostRoutes {
    /// The page. Who has shown no key gets it, too, with the status that says so: it asks for one.
    func consolePage(for head: HTTPRequestHead, from sender: Sender) throws(HTTPRejection) -> HTTPAnswer {
        do throws(HTTPRejection) {
            _ = try admitOperator(head, from: sender)
            return PageDocument.answer("console.html", [:], to: head)
        } catch {
            guard error.status == .unauthorized, !head.headers.contains(name: "authorization") else { throw error }
            var whole = head
            whole.headers.remove(name: "if-none-match")
            var answer = PageDocument.answer("console.html", [:], to: whole)
            answer.status = error.status
            answer.headers.add(contentsOf: error.headers)
            return answer
        }
    }

    /// Whether the chat page shows the way to it.
    func mayOpenConsole(_ head: HTTPRequestHead, from sender: Sender) -> Bool {
        do throws(HTTPRejection) {
            _ = try admitOperator(head, from: sender)
            return true
        } catch {
            return error.status == .unauthorized
        }
    }
}
