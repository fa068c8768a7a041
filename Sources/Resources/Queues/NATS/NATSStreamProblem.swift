import Glibc
import NATS
import Pipeline

/// What stops the host, or a worker, from using a stream, and what to do about it.
struct NATSStreamProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// There is no stream, and the file doesn't want it made.
    init(missing stream: StreamConfiguration) {
        description = """
            there is no stream '\(stream.name)' at NATS; 'create: true' makes it at the start, and so does: nats stream add \
            \(stream.name) --subjects '\(stream.subjects.joined(separator: ","))' --retention work --storage file --discard new \
            --max-bytes \(stream.maxBytes) --replicas \(stream.replicas) --dupe-window \(stream.duplicateWindow.components.seconds)s \
            --allow-direct --defaults
            """
    }

    /// NATS has refused to make it, or to show it.
    init(_ stream: StreamConfiguration, refused error: NATSError) {
        var cure = ""
        if case .api(let code, _, _) = error {
            switch code {
            case JetStream.Code.replicasNotSupported, JetStream.Code.noSuitablePeers:
                cure = "; start \(stream.replicas) NATS servers as one cluster, or set 'replicas: 1' under 'nats'"
            case JetStream.Code.storageExceeded, JetStream.Code.resourcesExceeded:
                cure = "; give NATS more storage (its max_file_store), or set a smaller 'size' under 'nats'"
            default: break
            }
        }
        description = "the stream '\(stream.name)' can't be had: \(error)\(cure)"
    }

    /// How a stream differs from what the file says; `nil` where it doesn't.
    init?(_ found: StreamConfiguration, wanted: StreamConfiguration) {
        var differences: [String] = []
        var edits: [String] = []
        func compare<Value: Equatable>(
            _ path: KeyPath<StreamConfiguration, Value>, _ name: String, option: String? = nil,
            _ words: (Value) -> String
        ) {
            let (left, right) = (found[keyPath: path], wanted[keyPath: path])
            guard left != right else { return }
            differences.append("\(name) is \(words(left)), and must be \(words(right))")
            if let option { edits.append("\(option) \(words(right))") }
        }
        compare(\.retention, "its retention") { $0 == "workqueue" ? "work" : $0 }
        compare(\.storage, "its storage") { $0 }
        compare(\.subjects, "its list of subjects", option: "--subjects") { "'\($0.joined(separator: ","))'" }
        compare(\.discard, "its discard policy", option: "--discard") { $0 }
        compare(\.replicas, "its number of replicas", option: "--replicas") { String($0) }
        compare(\.maxBytes, "its size in bytes", option: "--max-bytes") { $0 < 0 ? "unlimited" : String($0) }
        compare(\.maxMessages, "its number of messages", option: "--max-msgs") { $0 < 0 ? "-1" : String($0) }
        compare(\.maxMessagesPerSubject, "its number of messages a subject", option: "--max-msgs-per-subject") {
            $0 < 0 ? "-1" : String($0)
        }
        compare(\.maxAge, "its longest age", option: "--max-age") { $0.map { "\($0)" } ?? "-1" }
        if found.duplicateWindow < wanted.duplicateWindow {
            let seconds = wanted.duplicateWindow.components.seconds
            differences.append(
                "it knows a message again for \(found.duplicateWindow.components.seconds) s, and must for \(seconds) s")
            edits.append("--dupe-window \(seconds)s")
        }
        if !found.allowsDirect {
            differences.append("it doesn't allow direct access")
            edits.append("--allow-direct")
        }
        guard !differences.isEmpty else { return nil }
        let cure =
            found.retention != wanted.retention || found.storage != wanted.storage
            ? "name another stream in the file, or remove it once it is empty, and it is made anew: nats stream rm \(wanted.name)"
            : "change the file ('size', 'replicas'), or the stream: nats stream edit \(wanted.name) \(edits.joined(separator: " "))"
        description =
            "the stream '\(wanted.name)' differs from the file: \(differences.joined(separator: "; ")); \(cure)"
    }
}

/// The files that a connection to NATS is made with.
enum NATSFiles {
    /// - Throws: Where one can't be read: the library would try for ever, and say nothing.
    static func check(_ settings: NATSSettings) throws(NATSStreamProblem) {
        let files = [
            ("credentials", settings.credentials), ("tls: ca", settings.tls?.authority),
            ("tls: certificate", settings.tls?.certificate), ("tls: key", settings.tls?.key),
        ]
        for case (let setting, let path?) in files where access(path, R_OK) != 0 {
            throw NATSStreamProblem(
                "the file '\(path)' of '\(setting)' can't be read: \(String(cString: strerror(errno)))")
        }
        if (settings.tls?.certificate == nil) != (settings.tls?.key == nil) {
            throw NATSStreamProblem("'tls' needs 'certificate' and 'key' together")
        }
    }
}
