package logpulse;

import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import logpulse.client.ApiClient;
import logpulse.model.NewLogEntry;

/** Code shared by the tests. */
final class Support {
  static final String SERVICE = "payment";

  /** A version 4 UUID. Entry ids must be version 7. */
  static final UUID VERSION_4 = UUID.fromString("936da01f-9abd-4d9d-80c7-02af85c822a8");

  private Support() {}

  /** Returns a client for the URL in an environment variable. */
  static ApiClient client(String variable) {
    return new ApiClient().setBasePath(System.getenv(variable));
  }

  static NewLogEntry entry(String message) {
    return new NewLogEntry().serviceName(SERVICE).message(message);
  }

  /** Returns a word that no other entry contains. */
  static String uniqueWord() {
    return "w" + UUID.randomUUID().toString().replace("-", "");
  }

  /** Repeats a call until `accepted` is true for its result, for at most ten seconds. */
  static <T> T until(Callable<T> call, Predicate<T> accepted) throws Exception {
    var deadline = Instant.now().plus(Duration.ofSeconds(10));
    while (true) {
      var result = call.call();
      if (accepted.test(result) || Instant.now().isAfter(deadline)) {
        return result;
      }
      Thread.sleep(100);
    }
  }
}
