package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// failure is why an application could not handle a record, in the words that the
// shop's applications, which are Java services, write into their dead letters.
type failure struct {
	class     string // of the exception that the listener threw
	message   string
	at        string // the frame that threw it
	transient bool   // a retry may help
	decoding  bool   // the record never reached the listener
}

func (f *failure) Error() string { return f.class + ": " + f.message }

// handler does the work of one application with one record, at the attempt-th
// delivery, and returns the records that the work caused.
type handler func(r *kgo.Record, attempt int) ([]*kgo.Record, *failure)

// incoming is an order as a consumer sees it: the total stays raw, because a text
// there is what goes wrong.
type incoming struct {
	OrderID    string          `json:"orderId"`
	CustomerID string          `json:"customerId"`
	Email      string          `json:"email"`
	Currency   string          `json:"currency"`
	Total      json.RawMessage `json:"total"`
}

func decodeOrder(r *kgo.Record) (*incoming, *failure) {
	var in incoming
	if err := json.Unmarshal(r.Value, &in); err != nil {
		return nil, &failure{
			class:    "com.fasterxml.jackson.core.io.JsonEOFException",
			message:  "Unexpected end-of-input: " + err.Error(),
			at:       "com.example.shop.OrderDeserializer.deserialize(OrderDeserializer.java:27)",
			decoding: true,
		}
	}
	return &in, nil
}

// billing charges for an order and tells what was paid. fixed is billing after the
// repair: it reads totals that are texts, and the ledger answers.
func (s *shop) billing(fixed bool, now func() time.Time) handler {
	return func(r *kgo.Record, attempt int) ([]*kgo.Record, *failure) {
		in, f := decodeOrder(r)
		if f != nil {
			return nil, f
		}
		total, f := in.total(fixed)
		if f != nil {
			return nil, f
		}
		switch {
		case total < 0:
			return nil, &failure{
				class:   "java.lang.IllegalArgumentException",
				message: "amount must not be negative: " + strconv.FormatFloat(total, 'f', 2, 64),
				at:      "com.example.billing.Charge.of(Charge.java:41)",
			}
		case in.Currency != "EUR" && in.Currency != "GBP" && in.Currency != "USD":
			return nil, &failure{
				class:   "com.example.billing.UnknownCurrencyException",
				message: "no exchange rate for " + in.Currency,
				at:      "com.example.billing.Rates.rate(Rates.java:88)",
			}
		case in.CustomerID == slowCustomer && attempt == 1, in.CustomerID == downCustomer && !fixed:
			return nil, &failure{
				class:     "java.net.SocketTimeoutException",
				message:   "ledger did not answer within 2000 ms",
				at:        "com.example.billing.LedgerClient.post(LedgerClient.java:63)",
				transient: true,
			}
		}
		paid, err := s.capture(&order{OrderID: in.OrderID, Currency: in.Currency, Total: total}, r, now())
		if err != nil {
			return nil, &failure{class: "java.lang.IllegalStateException", message: err.Error(), at: "com.example.billing.Payments.tell(Payments.java:30)"}
		}
		return []*kgo.Record{paid}, nil
	}
}

func (in *incoming) total(fixed bool) (float64, *failure) {
	raw := in.Total
	if fixed {
		raw = bytes.Trim(raw, `"`)
	}
	total, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return 0, &failure{
			class:   "com.fasterxml.jackson.databind.exc.MismatchedInputException",
			message: fmt.Sprintf("Cannot coerce String value (%s) to BigDecimal (at /total)", raw),
			at:      "com.example.billing.OrderListener.onOrder(OrderListener.java:52)",
		}
	}
	return total, nil
}

// notifications writes to the customer: it needs an address, and nothing else.
func notifications(r *kgo.Record, _ int) ([]*kgo.Record, *failure) {
	in, f := decodeOrder(r)
	if f != nil {
		return nil, f
	}
	if in.Email == "" {
		return nil, &failure{
			class:   "com.example.notifications.NoAddressException",
			message: "customer " + in.CustomerID + " has no address",
			at:      "com.example.notifications.Mailer.send(Mailer.java:36)",
		}
	}
	return nil, nil
}
