// A figure of the report. What is new comes in without taking away the focus, or closing what is open.
function renew(old, fresh) {
  const alike = old.tagName === fresh.tagName && old.children.length === fresh.children.length;
  if (!alike && old.tagName !== "svg") old.replaceWith(fresh);
  else if (["FIGURE", "DETAILS"].includes(old.tagName)) {
    const parts = [...fresh.children];
    [...old.children].forEach((part, index) => renew(part, parts[index]));
  } else if (old.innerHTML !== fresh.innerHTML) old.innerHTML = fresh.innerHTML;
}

export default {
  template: "<div></div>",
  props: { figure: String },
  mounted() {
    this.$el.innerHTML = this.figure;
  },
  watch: {
    figure(text) {
      const fresh = document.createElement("div");
      fresh.innerHTML = text;
      const [old, figure] = [this.$el.firstElementChild, fresh.firstElementChild];
      if (old && figure) renew(old, figure);
      else this.$el.replaceChildren(...fresh.children);
      document.dispatchEvent(new Event("redrawn"));
    },
  },
};
